// The script that a host's page loads to use the element: `/keyway-connectors.js`.

import { define } from "./element";

define();
