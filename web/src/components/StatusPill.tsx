// A connector's state as text, icon and colour.

import type { Connector } from "../api/types";
import { pillOf } from "../words";
import { Icon } from "./Icon";

export function StatusPill({ connector }: { connector: Connector }) {
  const { label, tone, icon } = pillOf(connector);
  return (
    <span class="pill" part="status" data-tone={tone}>
      <Icon name={icon} />
      {label}
    </span>
  );
}
