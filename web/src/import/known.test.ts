import { describe, expect, it } from "vitest";

import type { Connector } from "../api/types";
import { known } from "./known";
import { readServers, type Entry } from "./mcp-json";

const NOTES = { name: "My notes", slug: "notes", url: "https://notes.example/mcp" } as Connector;

function left(servers: object): string[] {
  const entries = readServers(JSON.stringify({ servers })) as Entry[];
  return known(entries, [NOTES]).filter((entry) => !("refused" in entry)).map(({ name }) => name);
}

describe("a server that the user has", () => {
  it("is known by its URL, and by its slug where Keyway wrote the file", () => {
    expect(
      left({
        same: { url: NOTES.url },
        other: { url: "https://other.example/mcp" },
        notes: { url: "https://moved.example/mcp", keyway: {} },
      }),
    ).toEqual(["other"]);
  });

  it("is named, and what was refused before stays so", () => {
    const entries = known([{ name: "a", refused: "why" }, ...(readServers(`{"servers": {"b": {"url": "${NOTES.url}"}}}`) as Entry[])], [NOTES]);
    expect(entries).toEqual([{ name: "a", refused: "why" }, { name: "b", refused: "You have it already: My notes." }]);
  });
});
