import { expect, it } from "vitest";

import { pieces } from "./hidden";

const shown = (text: string) => pieces(text).map(({ text, hidden }) => (hidden ? `<${text}>` : text)).join("");

it.each([
  ["", ""],
  ["Two\nlines,\ta tab, Zürich 東京 ✅", "Two\nlines,\ta tab, Zürich 東京 ✅"],
  ["a\u200bb", "a<U+200B>b"],
  ["\u202egnp.exe", "<U+202E>gnp.exe"],
  ["x\u{e0041}\u{e0042}", "x<U+E0041><U+E0042>"],
  ["bell\u0007\u009f", "bell<U+0007><U+009F>"],
])("%j", (text, expected) => expect(shown(text)).toBe(expected));
