// The whole of the element: the services its components use, and the region that speaks to screen
// readers.

import { QueryClient, QueryClientProvider } from "@tanstack/preact-query";
import { useEffect, useMemo, useState } from "preact/hooks";

import { createApi } from "../api/client";
import { Problem } from "../api/problem";
import type { Connector } from "../api/types";
import { listen } from "../sign-in/messages";
import { takePending } from "../sign-in/pending";
import { SignIns } from "../sign-in/sign-ins";
import { KeywayContext, type Keyway } from "../state/context";
import { contact, LIST } from "../state/connectors";
import { followEvents } from "../state/events";
import { texts } from "../words";
import { Page } from "./Page";
import { ListSkeleton } from "./Skeleton";

export interface AppProps {
  /** Keyway's origin. */
  base: string;
  /** A session token to be used as bearer; null where the cookie speaks. */
  session: string | null;
  /** Whether it is still being found out who sits here. */
  opening: boolean;
  /** Whether a link brought a token that was no longer good. */
  linkSpent: boolean;
  /** The connector a caller sent the user to. */
  signIn: string | null;
  /** The call that waits for a person, to which a caller sent the user. */
  approval: string | null;
}

export function App({ base, session, opening, linkSpent, signIn, approval }: AppProps) {
  const [said, setSaid] = useState("");
  const { client, keyway } = useMemo(() => services(base, session, setSaid), [base, session]);

  useEffect(() => {
    const { signIns } = keyway;
    const silence = listen({
      origin: base,
      token: () => session,
      isWaiting: () => signIns.isWaiting,
      onHint: () => signIns.wake(),
    });
    return () => {
      silence();
      signIns.close();
    };
  }, [keyway]);

  useEffect(
    () => (opening ? undefined : followEvents(keyway.api, client, keyway.signIns)),
    [opening, keyway, client],
  );

  useEffect(() => {
    const pending = opening ? null : takePending();
    if (pending !== null) void keyway.signIns.resume(pending.connectorId, pending.sessionId);
  }, [keyway, opening]);

  return (
    <>
      <p class="unseen" role="status">
        {said}
      </p>
      {opening ? (
        <ListSkeleton />
      ) : (
        <QueryClientProvider client={client}>
          <KeywayContext.Provider value={keyway}>
            <Page target={signIn} approval={approval} linkSpent={linkSpent} />
          </KeywayContext.Provider>
        </QueryClientProvider>
      )}
    </>
  );
}

function services(base: string, session: string | null, announce: (text: string) => void) {
  const api = createApi(base, session);
  const client = new QueryClient({
    defaultOptions: {
      // Keyway may be on this very machine: what the browser thinks of the network does not matter.
      queries: { networkMode: "always", retry: isWorthRetrying },
      mutations: { networkMode: "always" },
    },
  });
  const signIns = new SignIns(api, (connectorId) => {
    const known = client.getQueryData<Connector[]>(LIST)?.find(({ id }) => id === connectorId);
    announce(texts.signedIn(known?.name ?? ""));
    void contact(api, client, connectorId);
  });
  const keyway: Keyway = { api, signIns, announce };
  return { client, keyway };
}

function isWorthRetrying(failures: number, error: Error): boolean {
  return failures < 2 && error instanceof Problem && error.isPassing;
}
