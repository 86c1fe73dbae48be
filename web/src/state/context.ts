// What every component may use: the API, the sign-ins under way, and a voice for screen readers.

import { createContext } from "preact";
import { useContext, useEffect, useState } from "preact/hooks";

import type { Api } from "../api/client";
import type { SignIn, SignIns } from "../sign-in/sign-ins";

export interface Keyway {
  api: Api;
  signIns: SignIns;
  /** Says a text to screen readers, politely. */
  announce: (text: string) => void;
}

export const KeywayContext = createContext<Keyway | null>(null);

export function useKeyway(): Keyway {
  const keyway = useContext(KeywayContext);
  if (keyway === null) throw new Error("a component was rendered outside of its element");
  return keyway;
}

/** The connector's sign-in, if one is under way or has failed. */
export function useSignIn(connectorId: string): SignIn | undefined {
  const { signIns } = useKeyway();
  const [state, setState] = useState(() => signIns.of(connectorId));
  useEffect(() => {
    const update = () => setState(signIns.of(connectorId));
    update();
    return signIns.subscribe(update);
  }, [signIns, connectorId]);
  return state;
}
