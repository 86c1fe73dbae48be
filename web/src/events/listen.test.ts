import { afterEach, beforeEach, expect, it, vi } from "vitest";

import { listenToEvents } from "./listen";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

const stream = (text: string) => new Response(text, { status: 200 });

it("tells what comes and opens the stream again when it ends", async () => {
  const types: string[] = [];
  const open = vi.fn(async () => stream('data: {"type":"connector.updated","connector_id":"1"}\n\n'));
  const stop = listenToEvents({ open, onEvent: ({ type }) => types.push(type) });
  await vi.advanceTimersByTimeAsync(1_500);
  expect(open).toHaveBeenCalledTimes(2);
  expect(types).toEqual(["connector.updated", "connector.updated"]);
  stop();
  await vi.advanceTimersByTimeAsync(60_000);
  expect(open).toHaveBeenCalledTimes(2);
});

it("waits longer after each failure and gives up after a refusal", async () => {
  const answers = [503, 503, 401];
  const open = vi.fn(async () => new Response(null, { status: answers.shift() ?? 200 }));
  listenToEvents({ open, onEvent: () => {} });
  await vi.advanceTimersByTimeAsync(1_000);
  expect(open).toHaveBeenCalledTimes(2);
  await vi.advanceTimersByTimeAsync(600_000);
  expect(open).toHaveBeenCalledTimes(3);
});
