import { afterEach, beforeEach, expect, it, vi } from "vitest";

import { askForSession, sessionIn } from "./handshake";

const HOST = "https://chat.example";

class FakeWindow extends EventTarget {
  readonly asked: [unknown, string][] = [];

  postMessage(message: unknown, origin: string): void {
    this.asked.push([message, origin]);
  }

  hear(source: unknown, origin: string, data: unknown): void {
    this.dispatchEvent(Object.assign(new Event("message"), { source, origin, data }));
  }
}

const answer = (token: string) => ({ type: "keyway.session", token });

let self: FakeWindow;
let host: FakeWindow;

function ask(): Promise<string | null> {
  return askForSession(self as unknown as Window, host as unknown as Window, [HOST]);
}

beforeEach(() => {
  vi.useFakeTimers();
  self = new FakeWindow();
  host = new FakeWindow();
});

afterEach(() => {
  vi.useRealTimers();
});

it("asks host origins alone and takes the answer", async () => {
  const session = ask();
  expect(host.asked).toEqual([[{ type: "keyway.identify" }, HOST]]);
  self.hear(host, HOST, answer("kwst_a"));
  expect(await session).toBe("kwst_a");
});

it("believes no other origin and no other window", async () => {
  const session = ask();
  self.hear(host, "https://evil.example", answer("kwst_evil"));
  self.hear(new FakeWindow(), HOST, answer("kwst_evil"));
  self.hear(host, HOST, { type: "something.else", token: "kwst_evil" });
  await vi.advanceTimersByTimeAsync(2_000);
  expect(await session).toBeNull();
});

it("reads a token only from a session message", () => {
  expect(sessionIn(answer("kwst_a"))).toBe("kwst_a");
  for (const other of [null, "kwst_a", { token: "kwst_a" }, answer(""), { type: "keyway.session", token: 7 }]) {
    expect(sessionIn(other)).toBeNull();
  }
});
