// What Keyway's own windows say to this one: the outcome page hints that a sign-in is over, the launch
// page asks who sits here. Both are believed from Keyway's exact origin alone.

export interface Listener {
  /** Keyway's origin. */
  origin: string;
  /** The session token to prove the user with; null where the page has none. */
  token: () => string | null;
  /** Whether a sign-in begun here is still open. */
  isWaiting: () => boolean;
  /** An outcome may have changed. */
  onHint: () => void;
}

/** Handles one message; answers nothing that it need not. */
export function receive(event: MessageEvent, listener: Listener): void {
  if (event.origin !== listener.origin) return;
  const type = (event.data as { type?: unknown } | null)?.type;
  if (type === "keyway.sign_in") listener.onHint();
  if (type !== "keyway.identify" || !listener.isWaiting()) return;
  const token = listener.token();
  if (token === null) return;
  (event.source as Window | null)?.postMessage({ type: "keyway.session", token }, listener.origin);
}

/** Listens until the returned function is called. */
export function listen(listener: Listener): () => void {
  const onMessage = (event: MessageEvent) => receive(event, listener);
  window.addEventListener("message", onMessage);
  return () => window.removeEventListener("message", onMessage);
}
