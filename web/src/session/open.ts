// Who the page is for: from a link's fragment, from the window around or behind it, or from the cookie
// that is already there.

import { exchangeForCookie } from "./exchange";
import type { Fragment } from "./fragment";
import { askForSession, hostOrigins } from "./handshake";

export interface OpenedSession {
  /** The token to send with every request; null where the cookie speaks. */
  token: string | null;
  /** Whether a link brought a token that was no longer good. */
  linkSpent: boolean;
}

/**
 * Opens the session. In a frame the token itself is used, because a browser may keep a frame of
 * another site from having cookies; in a window of its own it is exchanged for the cookie.
 */
export async function openSession(fragment: Fragment): Promise<OpenedSession> {
  if (fragment.session !== null) {
    return { token: null, linkSpent: !(await exchangeForCookie(fragment.session, false)) };
  }
  const framed = window.parent !== window;
  const host = framed ? window.parent : (window.opener as Window | null);
  const origins = hostOrigins(document);
  if (host === null || origins.length === 0) return { token: null, linkSpent: false };

  const token = await askForSession(window, host, origins);
  if (token === null || framed) return { token, linkSpent: false };
  await exchangeForCookie(token, true);
  return { token: null, linkSpent: false };
}
