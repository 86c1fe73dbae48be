// The sign-in window. It must be opened inside the click itself; only later is it known where it goes.

import { texts } from "../words";

/** Opens the connector's sign-in window, still empty; null where the browser blocks it. */
export function openPopup(connectorId: string): Window | null {
  const popup = window.open("about:blank", popupName(connectorId), "popup,width=560,height=760");
  if (popup !== null) showWaiting(popup);
  return popup;
}

/** One window per connector, so that "open again" comes back to the same one. */
export function popupName(connectorId: string): string {
  return `keyway-sign-in-${connectorId}`;
}

/** Sends the window on its way, under the connector's name. */
export function sendTo(popup: Window, connectorId: string, url: string): void {
  try {
    popup.name = popupName(connectorId);
  } catch {
    // It shows another site's page already; it keeps the name it has.
  }
  popup.location.replace(url);
}

function showWaiting(popup: Window): void {
  try {
    popup.document.title = texts.signInPopup;
    popup.document.body.textContent = texts.signInPopup;
    popup.document.documentElement.style.colorScheme = "light dark";
    popup.document.body.style.font = "1rem system-ui, sans-serif";
    popup.document.body.style.padding = "2rem";
  } catch {
    // A window of that name that has already gone elsewhere is not ours to write to; it is navigated.
  }
}
