import { expect, it } from "vitest";

import { relativeTime } from "./time";

it.each([
  ["2026-11-21T11:59:40Z", "now"],
  ["2026-11-21T11:55:00Z", "5 minutes ago"],
  ["2026-11-21T14:30:00Z", "in 2 hours"],
  ["2026-11-20T11:00:00Z", "yesterday"],
])("%s is %s", (iso, words) => {
  expect(relativeTime(iso, Date.parse("2026-11-21T12:00:00Z"), "en")).toBe(words);
});
