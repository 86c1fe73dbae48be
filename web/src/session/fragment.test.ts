import { expect, it } from "vitest";

import { readFragment } from "./fragment";

it.each([
  ["", null, null, ""],
  ["#done", null, null, ""],
  ["#session=kwst_abc", "kwst_abc", null, ""],
  ["#session=something-else", null, null, ""],
  ["#sign-in=0193-a", null, "0193-a", "#sign-in=0193-a"],
  ["#session=kwst_abc&sign-in=0193-a", "kwst_abc", "0193-a", "#sign-in=0193-a"],
])("%j", (hash, session, signIn, rest) => {
  expect(readFragment(hash)).toEqual({ session, signIn, rest });
});
