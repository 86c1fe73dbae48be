// Which servers of a file the user has as connectors already.

import type { Connector } from "../api/types";
import { texts } from "../words";
import type { Entry } from "./mcp-json";

/** The entries, with those refused whose URL or slug is that of a connector. */
export function known(entries: Entry[], connectors: Connector[]): Entry[] {
  return entries.map((entry) => {
    if ("refused" in entry) return entry;
    const { url, slug } = entry.connector;
    const same = connectors.find((connector) => connector.url === url || connector.slug === slug);
    return same === undefined ? entry : { name: entry.name, refused: texts.import.have(same.name) };
  });
}
