import { expect, it, vi } from "vitest";

import { receive, type Listener } from "./messages";

const KEYWAY = "https://keyway.example";

function listener(part: Partial<Listener> = {}): Listener {
  return { origin: KEYWAY, token: () => "kwst_a", isWaiting: () => true, onHint: vi.fn(), ...part };
}

function message(type: string, origin = KEYWAY) {
  const source = { postMessage: vi.fn() };
  return { event: { origin, source, data: { type } } as unknown as MessageEvent, source };
}

it("proves the user to Keyway's own window, at its exact origin", () => {
  const { event, source } = message("keyway.identify");
  receive(event, listener());
  expect(source.postMessage).toHaveBeenCalledWith({ type: "keyway.session", token: "kwst_a" }, KEYWAY);
});

it.each<[string, string, Partial<Listener>]>([
  ["another origin", "https://keyway.example.evil", {}],
  ["no sign-in is open", KEYWAY, { isWaiting: () => false }],
  ["there is no token", KEYWAY, { token: () => null }],
])("answers nothing when %s", (_, origin, part) => {
  const { event, source } = message("keyway.identify", origin);
  receive(event, listener(part));
  expect(source.postMessage).not.toHaveBeenCalled();
});

it("takes an outcome only as a hint, and only from Keyway", () => {
  const ours = listener();
  receive(message("keyway.sign_in", "https://evil.example").event, ours);
  expect(ours.onHint).not.toHaveBeenCalled();
  receive(message("keyway.sign_in").event, ours);
  expect(ours.onHint).toHaveBeenCalledOnce();
});
