// A message in a place that is there before its text, so that screen readers notice it.

import type { ComponentChildren } from "preact";

import { messageOf } from "../api/problem";

/** An error in words; takes no room while there is none. */
export function ErrorNotice({ error, children }: { error: unknown; children?: ComponentChildren }) {
  const has = error != null;
  return (
    <div class="notice-place" role="alert">
      {has && (
        <div class="notice" data-tone="bad">
          <p>{messageOf(error)}</p>
          {children}
        </div>
      )}
    </div>
  );
}
