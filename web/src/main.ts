// The full page: finds out who it is for, and mounts the element.

import { define, KeywayConnectors } from "./element";
import { takeFragment, type Fragment } from "./session/fragment";
import { openSession } from "./session/open";

// Before anything else: a token must not stay in the address.
const first = takeFragment();
define();
let element = await show(first);

window.addEventListener("hashchange", async () => {
  const next = takeFragment();
  if (next.session !== null) element = await show(next);
  else [element.signIn, element.approval] = [next.signIn, next.approval];
});

/** A new element for whom the fragment brings; nothing of what was shown before stays. */
async function show(fragment: Fragment): Promise<KeywayConnectors> {
  const shown = new KeywayConnectors();
  shown.signIn = fragment.signIn;
  shown.approval = fragment.approval;
  shown.opening();
  document.querySelector("#page")?.replaceChildren(shown);
  const { token, linkSpent } = await openSession(fragment);
  shown.opened(token, linkSpent);
  return shown;
}
