import { expect, it } from "vitest";

import { completeHeaders, headerPatch } from "./headers";

it("takes only pairs that have both a name and a value", () => {
  const pairs = [
    { name: " X-Key ", value: " k " },
    { name: "", value: "lost" },
    { name: "X-Empty", value: "" },
  ];
  expect(completeHeaders(pairs)).toEqual({ "X-Key": "k" });
});

it("does not mention what is kept", () => {
  const patch = headerPatch(
    {
      "X-Kept": { kind: "keep" },
      "X-New": { kind: "replace", value: "v" },
      "X-Unfinished": { kind: "replace", value: " " },
      "X-Old": { kind: "delete" },
    },
    [{ name: "X-Added", value: "a" }],
  );
  expect(patch).toEqual({ "X-New": "v", "X-Old": null, "X-Added": "a" });
});
