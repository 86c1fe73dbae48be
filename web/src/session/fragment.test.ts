import { expect, it } from "vitest";

import { readFragment } from "./fragment";

it.each([
  ["", null, null, null, ""],
  ["#done", null, null, null, ""],
  ["#session=kwst_abc", "kwst_abc", null, null, ""],
  ["#session=something-else", null, null, null, ""],
  ["#sign-in=0193-a", null, "0193-a", null, "#sign-in=0193-a"],
  ["#session=kwst_abc&sign-in=0193-a", "kwst_abc", "0193-a", null, "#sign-in=0193-a"],
  ["#session=kwst_abc&approval=0193-b", "kwst_abc", null, "0193-b", "#approval=0193-b"],
])("%j", (hash, session, signIn, approval, rest) => {
  expect(readFragment(hash)).toEqual({ session, signIn, approval, rest });
});
