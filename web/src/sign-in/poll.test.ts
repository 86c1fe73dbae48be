import { expect, it } from "vitest";

import { Problem } from "../api/problem";
import type { AuthorizationSession } from "../api/types";
import { pollOutcome } from "./poll";

type Step = AuthorizationSession | Problem;

const pending: AuthorizationSession = { status: "pending" };
const finished: AuthorizationSession = { status: "finished" };

function poll(steps: Step[], stopped: () => boolean = () => false) {
  const waits: number[] = [];
  const outcome = pollOutcome({
    ask: async () => {
      const step = steps.shift() ?? finished;
      if (step instanceof Problem) throw step;
      return step;
    },
    wait: async (ms) => void waits.push(ms),
    stopped,
  });
  return { outcome, waits };
}

it("asks every second at first and every five seconds in the end", async () => {
  const { outcome, waits } = poll(Array.from({ length: 12 }, () => pending));
  expect(await outcome).toBe(finished);
  expect(waits[0]).toBe(1_000);
  expect(waits.at(-1)).toBe(5_000);
  expect(waits).toEqual([...waits].sort((a, b) => a - b));
});

it.each([
  ["no network", new Problem(0, "network", "")],
  ["a server that restarts", new Problem(503, "shutting_down", "")],
  ["too many requests", new Problem(429, "rate_limited", "")],
])("goes on through %s", async (_, problem) => {
  expect(await poll([problem, finished]).outcome).toBe(finished);
});

it("ends where the sign-in is unknown", async () => {
  await expect(poll([new Problem(404, "not_found", "gone")]).outcome).rejects.toThrow("gone");
});

it("tells nothing once it is stopped", async () => {
  expect(await poll([finished], () => true).outcome).toBeNull();
});
