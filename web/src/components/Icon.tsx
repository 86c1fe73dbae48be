// The page's few icons. They are decoration: a text always says the same.

import type { IconName } from "../words";

type Glyph = IconName | "plus" | "chevron" | "copy" | "external" | "eye" | "pencil" | "close" | "lock";

const GLYPHS: Record<Glyph, string> = {
  check: "M3.5 8.5l3 3 6-7",
  key: "M6 10a3 3 0 1 1 1.5-2.6L13.5 7.4v2.4h-2v-1.2H7.5A3 3 0 0 1 6 10z",
  alert: "M8 2.5l6 10.5H2zM8 6.5v3M8 11.4v.1",
  shield: "M8 2l5 2v4c0 3-2.2 5-5 6-2.8-1-5-3-5-6V4zM8 5.5v3M8 10.7v.1",
  pause: "M5.5 3.5v9M10.5 3.5v9",
  info: "M8 14A6 6 0 1 0 8 2a6 6 0 0 0 0 12zM8 7.5v3.5M8 5v.1",
  plus: "M8 3v10M3 8h10",
  chevron: "M4 6l4 4 4-4",
  copy: "M5.5 5.5h8v8h-8zM10.5 3v-.5h-8v8H3",
  external: "M9 3h4v4M13 3L7.5 8.5M11 9.5V13H3V5h3.5",
  eye: "M1.5 8S4 3.5 8 3.5 14.5 8 14.5 8 12 12.5 8 12.5 1.5 8 1.5 8zM8 9.8a1.8 1.8 0 1 0 0-3.6 1.8 1.8 0 0 0 0 3.6z",
  pencil: "M3 13l.7-3L11 2.7l2.3 2.3L6 12.3zM9.5 4.2l2.3 2.3",
  close: "M4 4l8 8M12 4l-8 8",
  lock: "M4 7.5h8v6H4zM5.5 7.5V5a2.5 2.5 0 0 1 5 0v2.5",
};

export function Icon({ name }: { name: Glyph }) {
  return (
    <svg class="icon" viewBox="0 0 16 16" aria-hidden="true" focusable="false">
      <path d={GLYPHS[name]} />
    </svg>
  );
}
