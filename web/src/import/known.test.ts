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
  const moved = { url: "https://moved.example/mcp" };

  it("is known by its URL, its slug or its name", () => {
    expect(left({ same: { url: NOTES.url }, notes: moved, "My notes": moved, other: moved })).toEqual(["other"]);
  });

  it("is known by its slug alone where Keyway wrote the file", () => {
    const named = { ...moved, keyway: { name: "My notes" } };
    expect(left({ notes: { ...moved, keyway: {} }, "notes-2": named })).toEqual(["My notes"]);
  });

  it("is named, and what was refused before stays so", () => {
    const entries = known([{ name: "a", refused: "why" }, ...(readServers(`{"servers": {"b": {"url": "${NOTES.url}"}}}`) as Entry[])], [NOTES]);
    expect(entries).toEqual([{ name: "a", refused: "why" }, { name: "b", refused: "You have it already: My notes." }]);
  });
});
