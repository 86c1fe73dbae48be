// The exchange of a session token for the browser's session cookie.

/**
 * Exchanges the token once. `handshake` says that the host itself handed it over; a token from a link
 * does not prove who sits here. Answers whether the cookie was given.
 */
export async function exchangeForCookie(token: string, handshake: boolean): Promise<boolean> {
  try {
    const response = await fetch("/api/v1/session-cookie", {
      method: "POST",
      credentials: "same-origin",
      headers: { Authorization: `Bearer ${token}`, "Content-Type": "application/json" },
      body: JSON.stringify({ handshake }),
      signal: AbortSignal.timeout(30_000),
    });
    return response.ok;
  } catch {
    return false;
  }
}
