// The requests the page makes, as functions. Each answers with the body or throws a `Problem`.

import createClient from "openapi-fetch";

import { Problem, problemFromAnswer, problemFromThrown } from "./problem";
import type { paths } from "./schema";
import type {
  Activity,
  Approval,
  AuthorizationSession,
  Connector,
  ConnectorPatch,
  Decision,
  NewConnector,
  NewPersonalToken,
  PersonalTokenMade,
  PersonalTokens,
  Preset,
  ProbeReport,
  SignInStarted,
  TestReport,
  Tool,
  ToolPatch,
} from "./types";

/** No request may keep a person waiting for longer than this. */
const LIMIT_MS = 30_000;

export interface Api {
  connectors(): Promise<Connector[]>;
  presets(): Promise<Preset[]>;
  create(connector: NewConnector): Promise<Connector>;
  change(id: string, patch: ConnectorPatch): Promise<Connector>;
  remove(id: string): Promise<void>;
  probe(url: string, headers: Record<string, string>, signal: AbortSignal): Promise<ProbeReport>;
  test(id: string): Promise<TestReport>;
  tools(id: string): Promise<Tool[]>;
  changeTool(id: string, tool: string, patch: ToolPatch): Promise<Tool>;
  /** The calls that wait for a person. */
  approvals(): Promise<Approval[]>;
  decide(approvalId: string, decision: Decision): Promise<void>;
  startSignIn(id: string, returnTo?: string): Promise<SignInStarted>;
  signOut(id: string): Promise<void>;
  authorizationSession(id: string): Promise<AuthorizationSession>;
  activity(id: string): Promise<Activity[]>;
  personalTokens(): Promise<PersonalTokens>;
  makePersonalToken(token: NewPersonalToken): Promise<PersonalTokenMade>;
  revokePersonalToken(id: string): Promise<void>;
  /** The stream of what changes, which has no end of its own. */
  events(signal: AbortSignal): Promise<Response>;
}

/**
 * The API at `base`, an origin. With a session token every request is sent as its bearer, without
 * cookies; without one the browser's own session cookie, if any, speaks.
 */
export function createApi(base: string, token: string | null): Api {
  const client = createClient<paths>({
    baseUrl: base,
    fetch: (request) => fetch(request, { signal: bounded(request.signal) }),
    credentials: token === null ? "same-origin" : "omit",
    ...(token === null ? {} : { headers: { Authorization: `Bearer ${token}` } }),
  });
  const one = (id: string) => ({ params: { path: { id } } });

  return {
    connectors: async () => (await answer(client.GET("/api/v1/connectors"))).connectors,
    presets: async () => (await answer(client.GET("/api/v1/catalog"))).presets,
    create: (body) => answer(client.POST("/api/v1/connectors", { body })),
    change: (id, body) => answer(client.PATCH("/api/v1/connectors/{id}", { ...one(id), body })),
    remove: (id) => done(client.DELETE("/api/v1/connectors/{id}", one(id))),
    probe: (url, headers, signal) =>
      answer(client.POST("/api/v1/connectors/probe", { body: { url, headers }, signal })),
    test: (id) => answer(client.POST("/api/v1/connectors/{id}/test", one(id))),
    tools: async (id) => (await answer(client.GET("/api/v1/connectors/{id}/tools", one(id)))).tools,
    changeTool: (id, tool, body) =>
      answer(
        client.PATCH("/api/v1/connectors/{id}/tools/{tool}", { params: { path: { id, tool } }, body }),
      ),
    approvals: async () => (await answer(client.GET("/api/v1/approvals"))).approvals,
    decide: (approval_id, decision) =>
      done(
        client.POST("/api/v1/approvals/{approval_id}", {
          params: { path: { approval_id } },
          body: { decision },
        }),
      ),
    startSignIn: (id, returnTo) =>
      answer(
        client.POST("/api/v1/connectors/{id}/oauth/start", {
          ...one(id),
          body: returnTo === undefined ? {} : { return_to: returnTo },
        }),
      ),
    signOut: (id) => done(client.DELETE("/api/v1/connectors/{id}/oauth", one(id))),
    authorizationSession: (id) =>
      answer(client.GET("/api/v1/authorization-sessions/{id}", one(id))),
    activity: async (connector) =>
      (await answer(client.GET("/api/v1/activity", { params: { query: { connector, limit: 20 } } })))
        .activity,
    personalTokens: () => answer(client.GET("/api/v1/personal-tokens")),
    makePersonalToken: (body) => answer(client.POST("/api/v1/personal-tokens", { body })),
    revokePersonalToken: (id) => done(client.DELETE("/api/v1/personal-tokens/{id}", one(id))),
    events: (signal) =>
      fetch(`${base}/api/v1/events`, {
        signal,
        credentials: token === null ? "same-origin" : "omit",
        headers: token === null ? {} : { Authorization: `Bearer ${token}` },
      }),
  };
}

interface Answer<T> {
  data?: T;
  error?: unknown;
  response: Response;
}

async function answer<T>(request: Promise<Answer<T>>): Promise<T> {
  const { data, error, response } = await settled(request);
  if (!response.ok) throw problemFromAnswer(response.status, error);
  if (data === undefined) throw problemFromAnswer(response.status, undefined);
  return data;
}

async function done(request: Promise<Answer<unknown>>): Promise<void> {
  const { error, response } = await settled(request);
  if (!response.ok) throw problemFromAnswer(response.status, error);
}

async function settled<T>(request: Promise<Answer<T>>): Promise<Answer<T>> {
  try {
    return await request;
  } catch (thrown) {
    throw problemFromThrown(thrown);
  }
}

function bounded(signal: AbortSignal): AbortSignal {
  return AbortSignal.any([signal, AbortSignal.timeout(LIMIT_MS)]);
}

/** Whether the request failed because nobody is signed in to this page. */
export function needsSession(error: unknown): boolean {
  return error instanceof Problem && error.status === 401;
}
