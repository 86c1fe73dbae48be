// What the address's fragment asks of the page. A fragment never reaches a server or its log.

export interface Fragment {
  /** A session token to be exchanged once. */
  session: string | null;
  /** The connector whose row a caller sent the user to. */
  signIn: string | null;
  /** The call that waits for a person, to which a caller sent the user. */
  approval: string | null;
  /** The fragment without the token, with its `#`, or empty. */
  rest: string;
}

/** Reads `#session=kwst_…`, `#sign-in={connector}`, `#approval={call}`, or several of them. */
export function readFragment(hash: string): Fragment {
  const parts = new URLSearchParams(hash.replace(/^#/, ""));
  const session = parts.get("session");
  const signIn = parts.get("sign-in");
  const approval = parts.get("approval");
  const kept = [...(signIn ? [["sign-in", signIn]] : []), ...(approval ? [["approval", approval]] : [])];
  const rest = new URLSearchParams(kept).toString();
  return {
    session: session?.startsWith("kwst_") ? session : null,
    signIn: signIn || null,
    approval: approval || null,
    rest: rest && `#${rest}`,
  };
}

/** Takes the session token out of the address before anything else can read or keep it. */
export function takeFragment(): Fragment {
  const fragment = readFragment(location.hash);
  if (new URLSearchParams(location.hash.slice(1)).has("session")) {
    history.replaceState(null, "", location.pathname + location.search + fragment.rest);
  }
  return fragment;
}
