import { expect, it } from "vitest";

import { EventParser } from "./parse";

it("puts an event together that came in pieces", () => {
  const parser = new EventParser();
  expect(parser.push('event: connector.upd')).toEqual([]);
  expect(parser.push('ated\ndata: {"type":"a"}\n')).toEqual([]);
  expect(parser.push('\ndata: {"type":"b"}\n\ndata: {')).toEqual([{ type: "a" }, { type: "b" }]);
});

it("leaves out signs of life and what is no JSON", () => {
  expect(new EventParser().push(": keyway\n\ndata: x\n\n")).toEqual([]);
});
