// How states, reasons and outcomes become words. With the texts, the only place in the page that spells out
// English.

import type { Activity, Connector, PersonalToken, ProbeReport } from "./api/types";
import { texts } from "./texts";
import { relativeTime } from "./time";

export { texts };

export type Tone = "good" | "attention" | "bad" | "off" | "neutral";
export type IconName = "check" | "key" | "alert" | "shield" | "pause" | "info";

export interface Pill {
  label: string;
  tone: Tone;
  icon: IconName;
}

/** Whether the connector gets its tokens without a person. */
export function isUnattended({ auth_type, oauth }: Connector): boolean {
  return auth_type === "oauth" && oauth.grant !== "authorization_code";
}

/** The state of a connector's credential as a label; never by colour alone. */
export function pillOf(connector: Connector): Pill {
  if (!connector.enabled) return { label: "Disabled", tone: "off", icon: "pause" };
  switch (connector.state) {
    case "ready":
      return { label: "Connected", tone: "good", icon: "check" };
    case "scope_required":
      return { label: "More access needed", tone: "attention", icon: "shield" };
    case "reauth_required":
      return connector.auth_type === "headers"
        ? { label: "New key needed", tone: "bad", icon: "key" }
        : { label: isUnattended(connector) ? "Not accepted" : "Sign in again", tone: "bad", icon: "alert" };
    default:
      return isUnattended(connector)
        ? { label: "Not used yet", tone: "neutral", icon: "key" }
        : { label: "Sign in needed", tone: "attention", icon: "key" };
  }
}

const REASONS: Record<string, string> = {
  refresh_rejected: "The sign-in service no longer accepts the saved sign-in.",
  refresh_token_missing: "The sign-in ran out, and the server gave no way to renew it.",
  token_rejected: "The server refused the saved sign-in.",
  registration_rejected: "The sign-in service no longer knows Keyway as a client.",
  headers_rejected: "The server refused the saved key.",
  issuer_changed: "The server now signs people in at another service.",
  url_changed: "The address changed, so the old sign-in no longer fits.",
  revoked: "The sign-in was revoked.",
  key_unavailable: "What was saved for it cannot be opened with Keyway's present keys.",
};

/** Why the connector does not work, as a sentence; null where it does. */
export function reasonOf(connector: Connector): string | null {
  if (!connector.enabled || connector.state === "ready") return null;
  if (connector.state === "scope_required") {
    const scopes = connector.oauth.required_scopes;
    return scopes.length === 0
      ? "The server asks for more access than you allowed."
      : `The server asks for more access than you allowed: ${scopes.join(", ")}.`;
  }
  const reason = connector.state_reason;
  return reason == null ? null : (REASONS[reason] ?? null);
}

/** What is wrong with the server itself, as a sentence; null where nothing is known to be. */
export function healthOf(connector: Connector, now: number): string | null {
  const { status, checked_at } = connector.health;
  const when = checked_at == null ? "" : `, last tried ${relativeTime(checked_at, now)}`;
  if (status === "unreachable") return `Server unreachable${when}`;
  if (status === "upstream_error") return `Server answers with an error${when}`;
  return null;
}

export interface Action {
  kind: "sign_in" | "enable" | "edit" | "retry";
  label: string;
  busy: string;
}

/** The one thing that helps; null where nothing needs help. */
export function actionOf(connector: Connector): Action | null {
  if (!connector.enabled) return { kind: "enable", label: "Enable", busy: "Enabling…" };
  const signIn = (label: string): Action => ({ kind: "sign_in", label, busy: "Opening…" });
  if (isUnattended(connector) && connector.state !== "ready") return unattendedActionOf(connector);
  switch (connector.state) {
    case "ready":
      return connector.health.status === "unreachable" || connector.health.status === "upstream_error"
        ? { kind: "retry", label: "Retry", busy: "Trying…" }
        : null;
    case "scope_required":
      return signIn("Allow more access");
    case "reauth_required":
      return connector.auth_type === "headers"
        ? { kind: "edit", label: "Edit key", busy: "Opening…" }
        : signIn("Sign in again");
    default:
      return signIn("Sign in");
  }
}

/** Where nobody signs in, a contact or other credentials help. */
function unattendedActionOf({ state }: Connector): Action {
  return state === "reauth_required"
    ? { kind: "edit", label: "Edit credentials", busy: "Opening…" }
    : { kind: "retry", label: "Connect", busy: "Connecting…" };
}

export interface OutcomeWords {
  text: string;
  tone: Tone;
}

/** What a probe found, and what follows from it. */
export function outcomeOf(report: ProbeReport, withHeaders: boolean): OutcomeWords {
  switch (report.outcome) {
    case "open":
      return withHeaders
        ? { text: `The server accepts the key.${offers(report)}`, tone: "good" }
        : { text: `The server is open: no sign-in needed.${offers(report)}`, tone: "good" };
    case "oauth":
      return { text: `The server asks you to sign in, at ${hostOf(report.oauth?.issuer ?? "")}.`, tone: "good" };
    case "client_needed":
      return { text: `The sign-in service ${hostOf(report.oauth?.issuer ?? "")} takes only clients registered by hand. Register one there with the redirect address below, then enter what you were given.`, tone: "attention" };
    case "token_needed":
      if (report.detail !== undefined) {
        return { text: `Nobody can sign in to this server: ${report.detail}. Tell whoever runs it, or enter an API key.`, tone: "attention" };
      }
      return { text: "The server asks for an API key. Enter the one you were given.", tone: "attention" };
    case "headers_rejected":
      return { text: "The server refused this key. Check that it is complete and still valid.", tone: "bad" };
    case "not_mcp":
      return { text: "Something answers at this address, but it does not speak MCP. Check the path: it often ends in /mcp or /sse.", tone: "bad" };
    case "unreachable":
      return { text: "The server does not answer. Check the address, or add it now and try later.", tone: "bad" };
    case "blocked":
      return { text: "Keyway may not reach this address. Only its operator can allow private addresses.", tone: "bad" };
    default:
      return { text: "The server answered in a way Keyway does not know.", tone: "bad" };
  }
}

function offers(report: ProbeReport): string {
  return report.tools == null ? "" : ` It offers ${countTools(report.tools.length)}.`;
}

/** "No tools", "1 tool", "12 tools". */
export function countTools(count: number): string {
  if (count === 0) return "no tools";
  return count === 1 ? "1 tool" : `${count} tools`;
}

const ACTIONS: Record<string, string> = {
  connector_created: "Added",
  connector_changed: "Changed",
  connector_deleted: "Deleted",
  sign_in_started: "Sign-in begun",
  sign_in_finished: "Signed in",
  sign_in_failed: "Sign-in failed",
  token_refreshed: "Access renewed",
  signed_out: "Signed out",
  tokens_revoked: "Access ended at the server",
  tool_called: "Tool called",
  request_proxied: "Request passed on",
  call_decided: "Call decided",
  tool_changed: "Tool changed",
};

const NOT_DONE: Record<string, string> = {
  sign_in_started: "Sign-in could not begin",
  sign_in_failed: "Sign-in failed",
  token_refreshed: "Access could not be renewed",
  tokens_revoked: "Access could not be ended at the server",
  tool_called: "Tool call failed",
  request_proxied: "Request failed",
};

/** One thing that happened, in words: "Tool called: search". */
export function activityWords({ action, outcome, subject }: Activity): string {
  const done = outcome === "ok" || outcome === "revoked";
  const words = (done ? undefined : NOT_DONE[action]) ?? ACTIONS[action] ?? action;
  return subject == null ? words : `${words}: ${subject}`;
}

const SIGN_IN_FAILURES: Record<string, string> = {
  denied: "The sign-in was declined.",
  browser_mismatch: "The sign-in came back in another browser than the one it began in. Sign in again here.",
  user_mismatch: "The sign-in window was opened by somebody else. Sign in again here.",
  iss_mismatch: "The answer came from another sign-in service than the one that was asked, so it was dropped.",
  expired: "The sign-in took too long. Sign in again.",
  exchange_failed: "The sign-in service did not complete the sign-in.",
  registration_failed: "The sign-in service does not accept Keyway as a client.",
};

/** Why a sign-in ended without success. The server's own detail follows where there is one. */
export function signInFailure(code: string | null | undefined, detail?: string | null): string {
  const text = SIGN_IN_FAILURES[code ?? ""] ?? "The sign-in did not succeed.";
  return detail == null || detail === "" ? text : `${text} (${detail})`;
}

const DAY = 24 * 60 * 60;

/** How long a personal token may last; `null` is until it is revoked. */
export const TOKEN_LIVES = [
  { label: "After 90 days", seconds: 90 * DAY },
  { label: "After a year", seconds: 365 * DAY },
  { label: "When I revoke it", seconds: null },
] as const;

/** The names of the connectors that a token works with, as far as they are there. */
export function namesOf(token: PersonalToken, connectors: Connector[]): string {
  const names = connectors.filter(({ id }) => token.connectors.includes(id)).map(({ name }) => name);
  return names.length === 0 ? texts.tokens.noneLeft : names.join(", ");
}

/** When a token was made and when it ends, as a sentence. */
export function tokenEnd({ created_at, expires_at }: PersonalToken, now: number): string {
  const made = `Made ${relativeTime(created_at, now)}`;
  if (expires_at == null) return `${made}, until you revoke it`;
  const verb = Date.parse(expires_at) > now ? "ends" : "ended";
  return `${made}, ${verb} ${relativeTime(expires_at, now)}`;
}

/** The host of an address, for people; the text itself where it is none. */
export function hostOf(url: string): string {
  return URL.canParse(url) ? new URL(url).host : url;
}
