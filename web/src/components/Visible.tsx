// A foreign text in which nothing hides: what would not be seen stands there by its code point.

import { pieces } from "../hidden/hidden";

export function Visible({ text }: { text: string }) {
  return (
    <>
      {pieces(text).map((piece) =>
        piece.hidden ? <mark class="hidden-character">{piece.text}</mark> : piece.text,
      )}
    </>
  );
}
