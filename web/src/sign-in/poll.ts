// How a sign-in ended, from the server: asked every second at first, every five seconds in the end.

import { Problem } from "../api/problem";
import type { AuthorizationSession } from "../api/types";

const FIRST_WAIT_MS = 1_000;
const LONGEST_WAIT_MS = 5_000;
const GROWTH = 1.25;

export interface Polling {
  /** Asks the server once. */
  ask: () => Promise<AuthorizationSession>;
  /** Waits, or less where something hints that the answer has changed. */
  wait: (ms: number) => Promise<void>;
  /** When true, nobody waits for the answer any more. */
  stopped: () => boolean;
}

/**
 * Asks until the sign-in is over; null where it was stopped. Failures that may pass (network, 5xx,
 * too many requests) do not end it; the server itself says when the session has expired.
 */
export async function pollOutcome(polling: Polling): Promise<AuthorizationSession | null> {
  for (let wait = FIRST_WAIT_MS; ; wait = Math.min(wait * GROWTH, LONGEST_WAIT_MS)) {
    await polling.wait(wait);
    if (polling.stopped()) return null;
    const session = await askOnce(polling.ask);
    if (polling.stopped()) return null;
    if (session !== null && session.status !== "pending") return session;
  }
}

async function askOnce(ask: Polling["ask"]): Promise<AuthorizationSession | null> {
  try {
    return await ask();
  } catch (error) {
    if (error instanceof Problem && (error.isPassing || error.status === 429)) return null;
    throw error;
  }
}
