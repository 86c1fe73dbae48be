import { describe, expect, it } from "vitest";

import type { Activity, Connector, PersonalToken, ProbeReport } from "./api/types";
import {
  actionOf, activityWords, countTools, healthOf, namesOf, outcomeOf, pillOf, reasonOf, signInFailure, tokenEnd,
} from "./words";

const NOW = Date.parse("2026-11-21T12:00:00Z");

function connector(part: Partial<Connector> = {}): Connector {
  return {
    id: "0193", name: "Notes", slug: "notes", url: "https://notes.example/mcp", auth_type: "oauth",
    header_names: [], enabled: true, state: "ready", state_reason: null,
    oauth: {
      grant: "authorization_code", authorized: true, issuer: null, account: null, scopes: [],
      required_scopes: [], registration: null, expires_at: null, refreshable: false,
    },
    health: { status: "ok", checked_at: null, detail: null },
    pinned_protocol_version: null, protocol_version: null, tool_count: null, read_only: false,
    created_at: "2026-11-21T10:00:00Z", updated_at: "2026-11-21T10:00:00Z",
    ...part,
  };
}

const machine = { ...connector().oauth, grant: "client_credentials" } as const;
const down = { status: "unreachable", checked_at: "2026-11-21T11:55:00Z", detail: null } as const;

describe("a connector's state and the one button that helps", () => {
  it.each<[string, Partial<Connector>, string, string | undefined]>([
    ["works", {}, "Connected", undefined],
    ["was never signed in to", { state: "sign_in_required" }, "Sign in needed", "Sign in"],
    ["lost its grant", { state: "reauth_required" }, "Sign in again", "Sign in again"],
    ["needs more scopes", { state: "scope_required" }, "More access needed", "Allow more access"],
    ["needs nobody and was not used", { state: "sign_in_required", oauth: machine }, "Not used yet", "Connect"],
    ["needs nobody and was refused", { state: "reauth_required", oauth: machine }, "Not accepted", "Edit credentials"],
    ["has a refused key", { state: "reauth_required", auth_type: "headers" }, "New key needed", "Edit key"],
    ["is switched off", { enabled: false, state: "reauth_required" }, "Disabled", "Enable"],
    ["has a server that is down", { health: down }, "Connected", "Retry"],
    ["must sign in to a server that is down", { state: "sign_in_required", health: down }, "Sign in needed", "Sign in"],
  ])("of one that %s", (_, part, label, action) => {
    expect(pillOf(connector(part)).label).toBe(label);
    expect(actionOf(connector(part))?.label).toBe(action);
  });

  it("gives the reason in words, and none where none is known", () => {
    const lost = (state_reason: string | null) =>
      reasonOf(connector({ state: "reauth_required", state_reason }));
    expect(lost("refresh_rejected")).toContain("no longer accepts");
    expect(lost("a_reason_of_the_future")).toBeNull();
    expect(lost(null)).toBeNull();
    expect(reasonOf(connector({ state_reason: "revoked" }))).toBeNull();
  });

  it("names the scopes that are asked for", () => {
    const { oauth } = connector();
    const lacking = connector({
      state: "scope_required",
      oauth: { ...oauth, required_scopes: ["files.read", "files.write"] },
    });
    expect(reasonOf(lacking)).toContain("files.read, files.write");
  });

  it("keeps health apart from state", () => {
    expect(healthOf(connector({ health: down }), NOW)).toBe("Server unreachable, last tried 5 minutes ago");
    expect(healthOf(connector(), NOW)).toBeNull();
    expect(reasonOf(connector({ health: down }))).toBeNull();
  });
});

describe("the words for a probe", () => {
  const report = (outcome: string, part: Partial<ProbeReport> = {}) =>
    ({ outcome, trace: [], ...part }) as ProbeReport;
  const oauth = {
    issuer: "https://login.example/tenant", registration: null, scopes: [], redirect_uri: "https://k.example/oauth/callback",
  };

  it("tells what each outcome means", () => {
    expect(outcomeOf(report("open", { tools: [{}] }), false).text).toBe("The server is open: no sign-in needed. It offers 1 tool.");
    expect(outcomeOf(report("open"), true).text).toBe("The server accepts the key.");
    expect(outcomeOf(report("oauth", { oauth }), false).text).toContain("at login.example.");
    expect(outcomeOf(report("client_needed", { oauth }), false).text).toContain("registered by hand");
    expect(outcomeOf(report("blocked"), false)).toMatchObject({ tone: "bad" });
    expect(outcomeOf(report("of_the_future"), false)).toMatchObject({ tone: "bad" });
  });

  it("counts", () => {
    expect([0, 1, 2].map(countTools)).toEqual(["no tools", "1 tool", "2 tools"]);
  });
});

describe("the words for a sign-in that failed", () => {
  it("follow the code and add the server's detail", () => {
    expect(signInFailure("denied")).toBe("The sign-in was declined.");
    expect(signInFailure("exchange_failed", "invalid_grant")).toContain("(invalid_grant)");
    expect(signInFailure("of_the_future")).toBe("The sign-in did not succeed.");
  });
});

it("says what happened, and what did not", () => {
  const one = (action: string, outcome: string, subject: string | null = null) =>
    activityWords({ action, outcome, subject } as Activity);
  expect(one("tool_called", "ok", "search")).toBe("Tool called: search");
  expect(one("tool_called", "refused", "search")).toBe("Tool call failed: search");
  expect(one("tokens_revoked", "revoked")).toBe("Access ended at the server");
  expect(one("tokens_revoked", "not_supported")).toBe("Access could not be ended at the server");
  expect(one("from_a_newer_keyway", "ok")).toBe("from_a_newer_keyway");
});

describe("a personal token", () => {
  const token = (part: Partial<PersonalToken> = {}): PersonalToken => ({
    id: "0193", name: "Laptop", connectors: ["1", "2", "gone"], created_at: "2026-11-20T12:00:00Z", expires_at: null, ...part,
  });

  it("names the connectors that are still there", () => {
    const all = [connector({ id: "1", name: "Notes" }), connector({ id: "3", name: "Mail" }), connector({ id: "2", name: "Tasks" })];
    expect(namesOf(token(), all)).toBe("Notes, Tasks");
    expect(namesOf(token({ connectors: ["gone"] }), all)).toBe("Its connectors were deleted");
  });

  it("says when it was made and when it ends", () => {
    expect(tokenEnd(token(), NOW)).toBe("Made yesterday, until you revoke it");
    expect(tokenEnd(token({ expires_at: "2026-11-24T12:00:00Z" }), NOW)).toBe("Made yesterday, ends in 3 days");
    expect(tokenEnd(token({ expires_at: "2026-11-21T10:00:00Z" }), NOW)).toBe("Made yesterday, ended 2 hours ago");
  });
});
