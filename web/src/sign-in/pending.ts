// A sign-in that goes on in this very tab leaves the page; what it was waiting for is noted for when
// it comes back. Ids only, no secrets.

const KEY = "keyway.pending-sign-in";

export interface PendingSignIn {
  connectorId: string;
  sessionId: string;
}

export function notePending(pending: PendingSignIn): void {
  try {
    sessionStorage.setItem(KEY, JSON.stringify(pending));
  } catch {
    // Without storage the list still tells how it ended.
  }
}

/** What was noted, once. */
export function takePending(): PendingSignIn | null {
  try {
    const noted = sessionStorage.getItem(KEY);
    sessionStorage.removeItem(KEY);
    return noted === null ? null : (JSON.parse(noted) as PendingSignIn);
  } catch {
    return null;
  }
}
