// What can go wrong with a request: a problem document (RFC 9457), or no answer at all.

import { texts } from "../words";

/** A failed request. The message is fit to be shown to the user. */
export class Problem extends Error {
  /** The API's stable code; `network` and `timeout` where Keyway itself did not answer. */
  readonly code: string;
  /** The HTTP status, 0 where there was none. */
  readonly status: number;
  /** The address to register with the server's operator, with `client_id_needed`. */
  readonly redirectUri: string | undefined;

  constructor(status: number, code: string, message: string, redirectUri?: string) {
    super(message);
    this.status = status;
    this.code = code;
    this.redirectUri = redirectUri;
  }

  /** Whether trying again later may help without anyone changing anything. */
  get isPassing(): boolean {
    return this.status === 0 || this.status >= 500;
  }
}

/** Reads a refused answer's body, which may be anything when a proxy stands between. */
export function problemFromAnswer(status: number, body: unknown): Problem {
  const document = isRecord(body) ? body : {};
  const text = (key: string) => (typeof document[key] === "string" ? document[key] : undefined);
  return new Problem(
    status,
    text("code") ?? "internal",
    text("detail") ?? text("title") ?? texts.unexpectedAnswer(status),
    text("redirect_uri"),
  );
}

/** Turns what `fetch` threw into a problem. An abort by the page itself stays what it is. */
export function problemFromThrown(thrown: unknown): unknown {
  if (thrown instanceof DOMException && thrown.name === "TimeoutError") {
    return new Problem(0, "timeout", texts.keywayTooSlow);
  }
  if (thrown instanceof TypeError) return new Problem(0, "network", texts.keywayUnreachable);
  return thrown;
}

/** The text to show for anything that was thrown. */
export function messageOf(thrown: unknown): string {
  return thrown instanceof Problem ? thrown.message : texts.somethingWentWrong;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null;
}
