import { describe, expect, it } from "vitest";

import cases from "../../../crates/connectors/src/mcp_json/cases.json";
import { texts } from "../words";
import { completed, isPartOf, readServers, type Entry, type Server } from "./mcp-json";

interface Expected {
  name: string;
  url?: string;
  headers?: string[];
  to_enter?: string[];
  disabled?: boolean;
  refused?: string;
}

function seen(entry: Entry): Expected {
  if ("refused" in entry) return { name: entry.name, refused: "why" };
  return {
    name: entry.name,
    url: entry.connector.url,
    headers: Object.keys(entry.connector.headers ?? {}),
    to_enter: entry.toEnter.map(({ name }) => name),
    ...(entry.connector.enabled === false ? { disabled: true } : {}),
  };
}

function only(server: object): Server {
  const entries = readServers(JSON.stringify({ mcpServers: { notes: server } })) as Server[];
  expect(entries).toHaveLength(1);
  return entries[0] as Server;
}

describe("an mcp.json", () => {
  // The command line's reader is held to the same cases, and their words.
  it.each(cases)("is read: $about", ({ file, servers }) => {
    const expected = (servers as Expected[]).map((server) =>
      server.refused === undefined ? server : { ...server, refused: "why" },
    );
    expect((readServers(JSON.stringify(file)) as Entry[]).map(seen)).toEqual(expected);
  });

  it.each([
    ['{ // mine\n"mcpServers": {}}', texts.import.notJson],
    ["", texts.import.notJson],
    ["[]", texts.import.noServers],
    ['{"mcpServers": []}', texts.import.noServers],
    ["\ufeff{}", texts.import.noServers],
  ])("that lists no servers says so: %j", (text, why) => {
    expect(readServers(text)).toBe(why);
  });

  it("tells a program from a server without an address", () => {
    const file = { mcpServers: { files: { command: "npx" }, odd: {} } };
    expect(readServers(JSON.stringify(file))).toEqual([
      { name: "files", refused: texts.import.refused.program },
      { name: "odd", refused: texts.import.refused.noUrl },
    ]);
  });

  it("that Keyway wrote keeps what only Keyway has", () => {
    const server = only({
      type: "http",
      url: "https://notes.example/mcp",
      keyway: { name: "My notes", auth_type: "oauth", oauth: { client_id: "id" }, read_only: true },
    });
    expect(server.name).toBe("My notes");
    expect(server.readOnly).toBe(true);
    expect(server.connector).toEqual({
      name: "My notes",
      slug: "notes",
      url: "https://notes.example/mcp",
      auth_type: "oauth",
      oauth: { client_id: "id" },
    });
  });
});

describe("what is entered", () => {
  it.each([
    ["Bearer ${input:key}", "Bearer k$&"],
    ["${API_KEY}", "k$&"],
    ["${USER}:${PASSWORD}", "k$&"],
  ])("goes into %j", (template, value) => {
    const server = only({ url: "https://a.example/mcp", headers: { "X-Key": template, "X-Plain": "1" } });
    const { headers } = completed(server, { "X-Key": " k$& " });
    expect(headers).toEqual({ "X-Plain": "1", "X-Key": value });
  });

  it("is a part of a text around a single variable", () => {
    expect(["Bearer ${KEY}", "${KEY}", "${A}:${B}"].map(isPartOf)).toEqual([true, false, false]);
  });
});
