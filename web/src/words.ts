// Every text of the page, and how states, reasons and outcomes become words. Nothing else in the page
// spells out English.

import type { Activity, Connector, PersonalToken, ProbeReport } from "./api/types";
import { relativeTime } from "./time";

export const texts = {
  title: "Connectors",
  intro: "Servers whose tools your assistant may use.",
  add: "Add connector",
  loading: "Loading your connectors…",
  empty: "No connectors yet",
  emptyHint: "Add one by pasting the address of an MCP server.",
  refresh: "Try again",
  cancel: "Cancel",
  close: "Close",
  save: "Save",
  saving: "Saving…",
  copy: "Copy",
  copied: "Copied",
  copyByHand: "Selected. Press Ctrl+C or ⌘C to copy.",

  keywayUnreachable: "Keyway does not answer. Check your connection, then try again.",
  keywayTooSlow: "Keyway took too long to answer. Try again.",
  somethingWentWrong: "Something went wrong on this page. Reload it and try again.",
  unexpectedAnswer: (status: number) => `Keyway answered in an unexpected way (${status}). Try again.`,
  notYours: "The connector you were sent to is not among yours. It may have been deleted.",

  session: {
    title: "This page needs a session",
    body: "You are not signed in to it, or your session has ended.",
    hint: "Open it again from the application that brought you here. If you run Keyway yourself, make a session with POST /api/v1/sessions and open the address it answers.",
    linkSpent: "The link that brought you here was already used or has expired. Ask for a new one.",
  },

  tokens: {
    title: "Personal tokens",
    intro: "For AI clients that can send a header. Each works with the connectors you choose.",
    make: "Make a token",
    making: "Making…",
    makeTitle: "Make a personal token",
    name: "Name",
    nameHint: "What it is for, such as the client’s name.",
    connectors: "Works with",
    chooseOne: "Choose at least one connector.",
    ends: "Ends",
    madeTitle: "Your new token",
    madeBody: "Copy the token now. It is not shown again.",
    token: "Token",
    madeHint: "The client sends it as “Authorization: Bearer” and the token, to Keyway’s address with /mcp at its end.",
    done: "Done",
    revoke: "Revoke…",
    revokeTitle: (name: string) => `Revoke ${name}?`,
    revokeBody: "Clients that use it are cut off at once. This cannot be undone.",
    revokeConfirm: "Revoke",
    revoking: "Revoking…",
    revoked: (name: string) => `${name} revoked.`,
    noneLeft: "Its connectors were deleted",
  },

  presets: "Pick a server",
  presetsFind: "Find a server",
  presetsNone: "None by that name. Paste its address below.",
  registerByHand: "Signing in there needs a client that you register yourself.",
  registerLink: "Register a client",

  address: "Server address",
  addressHint: "The MCP server's URL, for example https://mcp.example.com/mcp",
  name: "Name",
  nameHint: "Optional. Yours to choose.",
  addTitle: "Add a connector",
  adding: "Adding…",
  addPlain: "Add",
  addAndSignIn: "Add and sign in",
  addAnyway: "Add anyway",
  checking: "Checking the server…",
  checkAgain: "Check again",
  trace: "What Keyway tried",
  withKey: "Use an API key",

  headerName: "Header",
  headerValue: "Value",
  headerValueNew: "New value",
  headerHint: "Sent with every request, stored sealed, never shown again. Often “Authorization” with “Bearer ” and the key.",
  headerKept: "Saved value is kept",
  headerDeleted: "Will be deleted",
  headerReplace: "Replace",
  headerKeep: "Keep saved",
  headerDelete: "Delete",
  headerAdd: "Add header",
  headerRemove: (name: string) => `Remove header ${name}`,
  headers: "API key headers",

  clientId: "Client ID",
  clientSecret: "Client secret",
  clientSecretHint: "Only if you were given one.",
  clientSecretKeep: "Leave empty to keep what is saved.",
  clientIdHint: "Leave empty to keep what is saved.",
  redirectUri: "Redirect address to register there",
  client: "Client registered by hand",

  withoutPerson: "Sign in without a person",
  grant: "Who signs in",
  grants: {
    authorization_code: "A person, in a window",
    client_credentials: "A program, with an account of its own",
    workload_identity: "A workload, with a token of its platform",
    enterprise_managed: "An enterprise, for its person",
  },
  proof: "Proven by",
  proofs: { secret: "A client secret", key: "A private key", keyway: "Keyway's own key" },
  proofKeywayHint: "Register the keys at /oauth/jwks.json of this Keyway for the client there.",
  privateKey: "Private key",
  privateKeyHint: "PEM (PKCS #8). Stored sealed, never shown again.",
  signingAlgorithm: "Signing algorithm",
  assertion: "Assertion",
  assertionHint: "The token of the workload's platform. Stored sealed, never shown again.",
  clientIdOptional: "Only where the server wants one.",
  idpIssuer: "Identity provider's issuer",
  idpTokenEndpoint: "Identity provider's token endpoint",
  idpClientId: "Client ID at the identity provider",
  idpIdToken: "ID token of the person",
  credentials: "Credentials",

  editTitle: (name: string) => `Edit ${name}`,
  addressChange: "Keyway forgets the sign-in and the keys if the new address leads to another server.",
  deleteTitle: (name: string) => `Delete ${name}?`,
  deleteBody: "Its sign-in is revoked where the server allows that, and everything saved for it is erased. This cannot be undone.",
  deleteConfirm: "Delete",
  deleting: "Deleting…",

  openWindow: "Open the sign-in window",
  continueHere: "Continue in this tab",
  signInOpening: "Opening the sign-in window…",
  signInWaiting: "Finish signing in in the window that opened. Closed it? Open it again.",
  signInBlocked: "Your browser blocked the sign-in window. Open it with this link.",
  signInAgainOpen: "Open again",
  signInStop: "Stop waiting",
  signInPopup: "Opening the sign-in page…",
  enterClientId: "Enter client ID",
  dismiss: "Dismiss",

  details: (name: string) => `Details of ${name}`,
  url: "Address",
  account: "Signed in as",
  issuer: "Signs in at",
  scopes: "Access",
  endsAt: "Sign-in ends",
  protocol: "Protocol",
  lastContact: "Last contact",
  neverContacted: "Not yet",
  edit: "Edit",
  enable: "Enable",
  disable: "Disable",
  signOut: "Sign out",
  remove: "Delete…",
  test: "Check now",
  testing: "Checking…",
  tools: "Tools",
  activity: "Activity",
  activityLoading: "Loading the activity…",
  activityNone: "Nothing has happened yet.",

  toolsLoading: "Loading the tools…",
  toolsNone: "The server offers no tools.",
  toolMode: (name: string) => `How ${name} may be called`,
  toolModes: { allow: "Allow", ask: "Ask", off: "Off" },
  toolStopped: "Not called while the connector may only read.",
  toolChanged: (name: string) => `${name} is changed`,
  toolWarnings: {
    hidden_characters: "Holds characters that you do not see and a model reads.",
    shortened: "Its description is longer than what is shown.",
  },
  readOnly: "Only let tools read",
  changeSeen: (when: string | null | undefined) =>
    when ? `The server changed this tool ${when}.` : "The server changed this tool.",
  changeHeld: "The server changed this tool. It is not called until you have looked.",
  changeBeyond: "The change is beyond what is shown of very long descriptions.",
  changeMembers: {
    title: "Title",
    description: "Description",
    input_schema: "Arguments",
    output_schema: "Results",
    annotations: "Hints",
  },
  changeBefore: "Before: ",
  changeAfter: "Now: ",
  changeAccept: "Looks right",
  changeAcceptOf: (name: string) => `Looks right: ${name}`,

  approvals: "Calls that wait for you",
  approvalWanted: (connector: string) => `${connector}: allow a call of`,
  approvalArguments: "Arguments of the call",
  approvalCut: (size: number) => `Only the beginning is shown of ${size} bytes.`,
  approvalAsked: (when: string) => `Asked ${when}. Once it is allowed, the call must be made again.`,
  approveOnce: "Allow once",
  approveAlways: "Always allow this call",
  approveNever: "Deny",
  decided: {
    once: (tool: string) => `${tool} may be called once`,
    always: (tool: string) => `${tool} may always be called with these arguments`,
    deny: (tool: string) => `${tool} is denied`,
  },
  toolRead: "Reads",
  toolWrite: "Can change things",
  toolsAfterSignIn: "The tools show here once you are signed in.",
  toolsWhenEnabled: "The tools show here once the connector is enabled.",

  added: (name: string) => `${name} added.`,
  changed: (name: string) => `${name} saved.`,
  deleted: (name: string) => `${name} deleted.`,
  signedOut: (name: string) => `Signed out of ${name}.`,
  signedIn: (name: string) => `Signed in to ${name}.`,
  checkedOk: (name: string) => `${name} answers.`,
} as const;

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
