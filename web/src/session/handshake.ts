// The hand-shake with the window that opened or embeds this page: it is asked who sits here, and a
// session token is believed from the host origins alone.

const ANSWER_WITHIN_MS = 2_000;

/** A window's `addEventListener("message", …)`, as far as it is needed here. */
export type MessageTarget = Pick<Window, "addEventListener" | "removeEventListener">;

/** The host origins that the server wrote into the page; none if it has none configured. */
export function hostOrigins(page: Document): string[] {
  const content = page.querySelector<HTMLMetaElement>('meta[name="keyway-host-origins"]')?.content;
  return (content ?? "").split(/[\s,]+/).filter((origin) => origin !== "");
}

/**
 * Asks `host` for a session token. Answers null where nobody answers in time. Only a host origin can
 * receive the question, and only the asked window at a host origin can answer it.
 */
export function askForSession(
  self: MessageTarget,
  host: Pick<Window, "postMessage">,
  origins: readonly string[],
): Promise<string | null> {
  return new Promise((resolve) => {
    const finish = (token: string | null) => {
      clearTimeout(timer);
      self.removeEventListener("message", onMessage);
      resolve(token);
    };
    const onMessage = (event: MessageEvent) => {
      if (event.source !== host || !origins.includes(event.origin)) return;
      const token = sessionIn(event.data);
      if (token !== null) finish(token);
    };
    const timer = setTimeout(() => finish(null), ANSWER_WITHIN_MS);
    self.addEventListener("message", onMessage);
    for (const origin of origins) host.postMessage({ type: "keyway.identify" }, origin);
  });
}

/** The token of a `{type: "keyway.session", token}` message, of whatever kind; null for anything else. */
export function sessionIn(data: unknown): string | null {
  if (typeof data !== "object" || data === null) return null;
  const { type, token } = data as Record<string, unknown>;
  return type === "keyway.session" && typeof token === "string" && token !== "" ? token : null;
}
