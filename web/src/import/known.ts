// Which servers of a file the user has as connectors already.

import type { Connector } from "../api/types";
import { texts } from "../words";
import type { Entry } from "./mcp-json";

/**
 * The entries, with those refused whose URL or name is that of a connector. What Keyway wrote is known by its
 * slug, since several connectors may share a name.
 */
export function known(entries: Entry[], connectors: Connector[]): Entry[] {
  return entries.map((entry) => {
    if ("refused" in entry) return entry;
    const { url, slug } = entry.connector;
    const isCalledSo = (known: Connector) =>
      slug == null ? known.slug === entry.name || known.name === entry.name : known.slug === slug;
    const same = connectors.find((known) => known.url === url || isCalledSo(known));
    return same === undefined ? entry : { name: entry.name, refused: texts.import.have(same.name) };
  });
}
