import { afterEach, beforeEach, expect, it, vi } from "vitest";

import type { ProbeReport } from "../api/types";
import { Prober, type ProbeState } from "./prober";

const open: ProbeReport = { outcome: "open", trace: [] };
const down: ProbeReport = { outcome: "unreachable", trace: [] };

interface Sent {
  url: string;
  signal: AbortSignal;
  answer: (report: ProbeReport) => void;
}

let sent: Sent[];
let states: ProbeState[];
let prober: Prober;

beforeEach(() => {
  vi.useFakeTimers();
  sent = [];
  states = [];
  prober = new Prober(
    (url, _, signal) => new Promise((answer) => sent.push({ url, signal, answer })),
    (state) => states.push(state),
  );
});

afterEach(() => {
  vi.useRealTimers();
});

it("waits until typing pauses", async () => {
  prober.later("https://a.example/", {});
  await vi.advanceTimersByTimeAsync(599);
  prober.later("https://ab.example/", {});
  await vi.advanceTimersByTimeAsync(599);
  expect(sent).toHaveLength(0);
  await vi.advanceTimersByTimeAsync(1);
  expect(sent.map(({ url }) => url)).toEqual(["https://ab.example/"]);
});

it("drops an answer that comes after the next key stroke", async () => {
  const first = prober.now("https://a.example/", {});
  const second = prober.now("https://b.example/", { "X-Key": "k" });
  sent[1]?.answer(open);
  await second;
  sent[0]?.answer(down);
  await first;
  expect(sent[0]?.signal.aborted).toBe(true);
  expect(states.at(-1)).toEqual({ step: "done", report: open, withHeaders: true });
  expect(states.filter(({ step }) => step === "done")).toHaveLength(1);
});

it("sends and tells nothing once it is stopped", async () => {
  const under_way = prober.now("https://a.example/", {});
  prober.later("https://b.example/", {});
  prober.stop();
  const told = states.length;
  sent[0]?.answer(open);
  await under_way;
  await vi.advanceTimersByTimeAsync(10_000);
  expect(sent).toHaveLength(1);
  expect(states).toHaveLength(told);
});

it("is idle while there is no address", () => {
  prober.later(null, {});
  expect(states).toEqual([{ step: "idle" }]);
});

it("tells of a request that failed", async () => {
  const error = new Error("no network");
  const failing = new Prober(() => Promise.reject(error), (state) => states.push(state));
  await failing.now("https://a.example/", {});
  expect(states.at(-1)).toEqual({ step: "failed", error });
});
