// What the server tells of changes, turned into questions to ask anew.

import type { QueryClient } from "@tanstack/preact-query";

import type { Api } from "../api/client";
import { listenToEvents, type KeywayEvent } from "../events/listen";
import type { SignIns } from "../sign-in/sign-ins";
import { ACTIVITY, LIST, TOOLS } from "./connectors";
import { APPROVALS } from "./policy";

/** Keeps the page true to what the server tells, until the answer is called. */
export function followEvents(api: Api, client: QueryClient, signIns: SignIns): () => void {
  return listenToEvents({ open: api.events, onEvent: (event) => apply(event, client, signIns) });
}

function apply({ type, connector_id }: KeywayEvent, client: QueryClient, signIns: SignIns): void {
  const ask = (queryKey: readonly unknown[]) => void client.invalidateQueries({ queryKey });
  const of = connector_id === null ? [] : [connector_id];
  if (type === "authorization_session.updated") signIns.wake();
  else if (type === "approvals.changed") ask(APPROVALS);
  else if (type === "tools.changed") ask([...TOOLS, ...of]);
  else ask(LIST);
  ask([...ACTIVITY, ...of]);
}
