// Makes characters visible that a person would not see and a model would read.

/** A piece of a text: as it is, or the name of a character that is not seen. */
export interface Piece {
  text: string;
  hidden: boolean;
}

// Controls but line breaks and tabs, marks of direction, blanks without width, tags.
const HIDDEN =
  /[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f\u00ad\u061c\u180e\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\u{e0000}-\u{e01ef}]/u;

/** Splits a text at what is not seen: "a\u200bb" is "a", "U+200B", "b". */
export function pieces(text: string): Piece[] {
  const found: Piece[] = [];
  let plain = "";
  const keep = () => {
    if (plain !== "") found.push({ text: plain, hidden: false });
    plain = "";
  };
  for (const character of text) {
    if (HIDDEN.test(character)) {
      keep();
      found.push({ text: codePoint(character), hidden: true });
    } else {
      plain += character;
    }
  }
  keep();
  return found;
}

function codePoint(character: string): string {
  const number = character.codePointAt(0) ?? 0;
  return `U+${number.toString(16).toUpperCase().padStart(4, "0")}`;
}
