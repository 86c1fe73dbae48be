// Reads an mcp.json, in which MCP clients keep their servers, in the several ways in which they write it. What
// is wrong with one server says nothing about the others.

import type { NewConnector } from "../api/types";
import { texts } from "../words";

const { refused } = texts.import;

/** A header whose value the file leaves to be entered: `Bearer ${API_KEY}`. */
export interface OpenHeader {
  name: string;
  template: string;
}

/** A server that can be a connector. */
export interface Server {
  name: string;
  /** The connector, with the header values that the file holds. */
  connector: NewConnector;
  toEnter: OpenHeader[];
  readOnly: boolean;
}

/** A server that cannot be one, and why. */
export interface Refusal {
  name: string;
  refused: string;
}

export type Entry = Server | Refusal;

type Fields = Record<string, unknown>;

/** The servers of the file, or in words why there are none. */
export function readServers(text: string): Entry[] | string {
  let file: unknown;
  try {
    file = JSON.parse(text.trim());
  } catch {
    return texts.import.notJson;
  }
  const servers = isFields(file) ? (file.mcpServers ?? file.servers) : undefined;
  if (!isFields(servers)) return texts.import.noServers;
  return Object.entries(servers).map(([name, server]) => {
    const read = isFields(server) ? serverOf(name, server) : refused.noUrl;
    return typeof read === "string" ? { name, refused: read } : read;
  });
}

function serverOf(name: string, fields: Fields): Server | string {
  const kind = fields.type ?? fields.transport ?? "";
  const plain = typeof kind === "string" ? kind.toLowerCase().replaceAll(/[-_]/g, "") : "other";
  if (plain === "stdio" || fields.command != null) return refused.program;
  if (!["", "http", "sse", "streamablehttp"].includes(plain)) return refused.kind;
  const url = fields.httpUrl ?? fields.serverUrl ?? fields.url;
  if (typeof url !== "string") return refused.noUrl;
  if (isOpen(url)) return refused.openUrl;
  const headers = fields.headers ?? {};
  if (!isTexts(headers)) return refused.headers;

  const { read_only, ...own } = ownFields(name, fields.keyway);
  const open = Object.entries(headers).filter(([, value]) => isOpen(value));
  const given = Object.entries(headers).filter(([, value]) => !isOpen(value));
  return {
    name: typeof own.name === "string" ? own.name : name,
    connector: {
      name,
      ...own,
      url,
      ...(given.length > 0 ? { headers: Object.fromEntries(given) } : {}),
      ...(fields.disabled === true ? { enabled: false } : {}),
    },
    toEnter: open.map(([header, template]) => ({ name: header, template })),
    readOnly: read_only === true,
  };
}

type Own = Partial<NewConnector> & { read_only?: boolean };

/** What Keyway itself wrote: its entries are named by their slugs. Keyway checks what is in it. */
function ownFields(slug: string, keyway: unknown): Own {
  return isFields(keyway) ? { ...(keyway as Own), slug } : {};
}

/** The connector with the headers that were entered; what was typed goes in place of a single variable. */
export function completed({ connector, toEnter }: Server, typed: Record<string, string>): NewConnector {
  if (toEnter.length === 0) return connector;
  const entered = toEnter.map(({ name, template }) => [name, filled(template, (typed[name] ?? "").trim())]);
  return { ...connector, headers: { ...connector.headers, ...Object.fromEntries(entered) } };
}

/** Whether what is typed goes into the template, and does not replace it. */
export function isPartOf(template: string): boolean {
  const variables = template.match(/\$\{[^}]*\}/g) ?? [];
  return variables.length === 1 && variables[0] !== template;
}

function filled(template: string, typed: string): string {
  return isPartOf(template) ? template.replace(/\$\{[^}]*\}/, () => typed) : typed;
}

function isOpen(text: string): boolean {
  return /\$\{[^}]*\}/.test(text);
}

function isFields(value: unknown): value is Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isTexts(value: unknown): value is Record<string, string> {
  return isFields(value) && Object.values(value).every((text) => typeof text === "string");
}
