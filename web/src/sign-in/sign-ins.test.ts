import { afterEach, beforeEach, expect, it, vi } from "vitest";

import { Problem } from "../api/problem";
import type { AuthorizationSession, SignInStarted } from "../api/types";
import { SignIns } from "./sign-ins";

const started: SignInStarted = {
  authorize_url: "https://keyway.example/oauth/launch/t",
  authorization_session_id: "s1",
};

function popup() {
  return { name: "", close: vi.fn(), location: { replace: vi.fn() } };
}

let session: AuthorizationSession;
let startSignIn: (id: string) => Promise<SignInStarted>;
let finished: string[];
let signIns: SignIns;

beforeEach(() => {
  vi.useFakeTimers();
  session = { status: "pending" };
  startSignIn = async () => started;
  finished = [];
  const api = {
    startSignIn: (id: string) => startSignIn(id),
    authorizationSession: async () => session,
  };
  signIns = new SignIns(api, (id) => finished.push(id));
});

afterEach(() => {
  signIns.close();
  vi.useRealTimers();
});

function begin(window: ReturnType<typeof popup> | null) {
  return signIns.begin("c1", window as unknown as Window | null);
}

it("sends the window on its way and waits for the server's word", async () => {
  const window = popup();
  const done = begin(window);
  await vi.advanceTimersByTimeAsync(1_500);
  expect(window.location.replace).toHaveBeenCalledWith(started.authorize_url);
  expect(signIns.of("c1")).toMatchObject({ step: "waiting", blocked: false });
  session = { status: "finished" };
  await vi.advanceTimersByTimeAsync(5_000);
  await done;
  expect(finished).toEqual(["c1"]);
  expect(signIns.of("c1")).toBeUndefined();
});

it("asks at once when something hints at an outcome", async () => {
  const done = begin(popup());
  await vi.advanceTimersByTimeAsync(0);
  session = { status: "finished" };
  signIns.wake();
  await done;
  expect(finished).toEqual(["c1"]);
});

it("offers the link where the window was blocked", async () => {
  void begin(null);
  await vi.advanceTimersByTimeAsync(0);
  expect(signIns.of("c1")).toEqual({ step: "waiting", url: started.authorize_url, blocked: true });
});

it("can be begun again at any time, and only the last one counts", async () => {
  void begin(popup());
  await vi.advanceTimersByTimeAsync(1_500);
  const second = begin(popup());
  session = { status: "finished" };
  await vi.advanceTimersByTimeAsync(10_000);
  await second;
  expect(finished).toEqual(["c1"]);
});

it("says why it failed", async () => {
  session = { status: "failed", code: "denied" };
  const done = begin(popup());
  await vi.advanceTimersByTimeAsync(1_000);
  await done;
  expect(signIns.of("c1")).toMatchObject({ step: "failed", message: "The sign-in was declined." });
  expect(signIns.isWaiting).toBe(false);
});

it("closes the window where the server takes only registered clients, and shows what to register", async () => {
  startSignIn = () => Promise.reject(new Problem(422, "client_id_needed", "by hand", "https://k.example/oauth/callback"));
  const window = popup();
  await begin(window);
  expect(window.close).toHaveBeenCalled();
  expect(signIns.of("c1")).toEqual({
    step: "failed",
    message: "by hand",
    redirectUri: "https://k.example/oauth/callback",
    needsClient: true,
  });
});

it("is finished at once where nobody need sign in", async () => {
  startSignIn = async () => ({ already_authorized: true });
  const window = popup();
  await begin(window);
  expect(window.close).toHaveBeenCalled();
  expect(finished).toEqual(["c1"]);
});
