// The sign-ins begun on this page, one per connector: opens the window, waits for what the server says
// became of it. The window itself is never asked: after a Cross-Origin-Opener-Policy it lies.

import type { Api } from "../api/client";
import { messageOf, Problem } from "../api/problem";
import { signInFailure } from "../words";
import { notePending } from "./pending";
import { pollOutcome } from "./poll";
import { openPopup, sendTo } from "./popup";
import { Waker } from "./waker";

export type SignIn =
  | { step: "opening" }
  | { step: "waiting"; url: string | null; blocked: boolean }
  | { step: "failed"; message: string; redirectUri: string | undefined; needsClient: boolean };

export class SignIns {
  readonly #api: Pick<Api, "startSignIn" | "authorizationSession">;
  readonly #onFinished: (connectorId: string) => void;
  readonly #attempts = new Map<string, number>();
  readonly #states = new Map<string, SignIn>();
  readonly #wakers = new Set<Waker>();
  readonly #listeners = new Set<() => void>();

  constructor(
    api: Pick<Api, "startSignIn" | "authorizationSession">,
    onFinished: (connectorId: string) => void,
  ) {
    this.#api = api;
    this.#onFinished = onFinished;
  }

  of(connectorId: string): SignIn | undefined {
    return this.#states.get(connectorId);
  }

  /** Whether any sign-in is open. */
  get isWaiting(): boolean {
    return [...this.#states.values()].some(({ step }) => step !== "failed");
  }

  subscribe(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Begins in a window; `popup` where the click has opened it already, null where that was blocked. */
  begin(connectorId: string, popup = openPopup(connectorId)): Promise<void> {
    return this.#attempt(connectorId, async (isCurrent) => {
      const started = await this.#start(connectorId, popup);
      if (started === null) return "finished";
      if (!isCurrent()) return "stopped";
      this.#set(connectorId, { step: "waiting", url: started.url, blocked: popup === null });
      if (popup !== null) sendTo(popup, connectorId, started.url);
      return this.#outcome(started.sessionId, isCurrent);
    });
  }

  /** Begins in this tab, which comes back to `returnTo` in the end. */
  beginHere(connectorId: string, returnTo: string): Promise<void> {
    return this.#attempt(connectorId, async () => {
      const started = await this.#api.startSignIn(connectorId, returnTo);
      if (started.already_authorized || started.authorize_url == null) return "finished";
      notePending({ connectorId, sessionId: started.authorization_session_id ?? "" });
      location.assign(started.authorize_url);
      return "stopped";
    });
  }

  /** Waits for a sign-in that began in this tab before it left. */
  resume(connectorId: string, sessionId: string): Promise<void> {
    return this.#attempt(connectorId, (isCurrent) => {
      this.#set(connectorId, { step: "waiting", url: null, blocked: false });
      return this.#outcome(sessionId, isCurrent);
    });
  }

  /** Stops waiting, or takes a failure off the page. */
  dismiss(connectorId: string): void {
    this.#attempts.set(connectorId, this.#generation(connectorId) + 1);
    this.#set(connectorId, undefined);
    this.wake();
  }

  /** Ends all waiting, for when the page goes away. */
  close(): void {
    for (const connectorId of [...this.#states.keys()]) this.dismiss(connectorId);
  }

  /** Something hints that an outcome has changed: asks the server at once. */
  wake(): void {
    for (const waker of this.#wakers) waker.wake();
  }

  async #attempt(
    connectorId: string,
    run: (isCurrent: () => boolean) => Promise<"finished" | "stopped">,
  ): Promise<void> {
    const generation = this.#generation(connectorId) + 1;
    const isCurrent = () => this.#generation(connectorId) === generation;
    this.#attempts.set(connectorId, generation);
    this.#set(connectorId, { step: "opening" });
    try {
      if ((await run(isCurrent)) !== "finished" || !isCurrent()) return;
      this.#set(connectorId, undefined);
      this.#onFinished(connectorId);
    } catch (error) {
      if (isCurrent()) this.#set(connectorId, failure(error));
    }
  }

  async #start(connectorId: string, popup: Window | null) {
    try {
      const { authorize_url, authorization_session_id } = await this.#api.startSignIn(connectorId);
      if (authorize_url != null && authorization_session_id != null) {
        return { url: authorize_url, sessionId: authorization_session_id };
      }
    } catch (error) {
      popup?.close();
      throw error;
    }
    popup?.close();
    return null;
  }

  async #outcome(sessionId: string, isCurrent: () => boolean): Promise<"finished" | "stopped"> {
    const waker = new Waker();
    this.#wakers.add(waker);
    try {
      const session = await pollOutcome({
        ask: () => this.#api.authorizationSession(sessionId),
        wait: (ms) => waker.wait(ms),
        stopped: () => !isCurrent(),
      });
      if (session === null) return "stopped";
      if (session.status === "finished") return "finished";
      throw new Problem(0, session.code ?? session.status, signInFailure(session.code ?? session.status, session.detail));
    } finally {
      this.#wakers.delete(waker);
    }
  }

  #generation(connectorId: string): number {
    return this.#attempts.get(connectorId) ?? 0;
  }

  #set(connectorId: string, state: SignIn | undefined): void {
    if (state === undefined) this.#states.delete(connectorId);
    else this.#states.set(connectorId, state);
    for (const listener of this.#listeners) listener();
  }
}

function failure(error: unknown): SignIn {
  const problem = error instanceof Problem ? error : null;
  return {
    step: "failed",
    message: messageOf(error),
    redirectUri: problem?.redirectUri,
    needsClient: problem?.code === "client_id_needed",
  };
}
