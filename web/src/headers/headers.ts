// Headers in forms: pairs being typed for a new connector, and edits of saved ones, whose values are
// never known here.

import type { HeaderPatch } from "../api/types";

export interface HeaderPair {
  name: string;
  value: string;
}

/** The pairs that have both a name and a value. */
export function completeHeaders(pairs: readonly HeaderPair[]): Record<string, string> {
  const whole = pairs.filter(({ name, value }) => name.trim() !== "" && value !== "");
  return Object.fromEntries(whole.map(({ name, value }) => [name.trim(), value.trim()]));
}

/** What becomes of a saved header. */
export type HeaderEdit =
  | { kind: "keep" }
  | { kind: "replace"; value: string }
  | { kind: "delete" };

/**
 * The patch for saved headers and added ones. What is kept is not mentioned; a replacement without a
 * value keeps what is saved.
 */
export function headerPatch(
  edits: Readonly<Record<string, HeaderEdit>>,
  added: readonly HeaderPair[],
): HeaderPatch {
  const patch: HeaderPatch = {};
  for (const [name, edit] of Object.entries(edits)) {
    if (edit.kind === "delete") patch[name] = null;
    if (edit.kind === "replace" && edit.value.trim() !== "") patch[name] = edit.value.trim();
  }
  return { ...patch, ...completeHeaders(added) };
}
