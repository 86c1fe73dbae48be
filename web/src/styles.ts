// The element's styles, as constructed sheets: they belong to the shadow root alone, and the page's
// content security policy needs no exception for them.

import base from "./styles/base.css?inline";
import controls from "./styles/controls.css?inline";
import dialog from "./styles/dialog.css?inline";
import list from "./styles/list.css?inline";
import policy from "./styles/policy.css?inline";

/** The sheets, made once however many elements there are. */
export function styles(): CSSStyleSheet[] {
  made ??= [base, controls, list, policy, dialog].map((text) => {
    const sheet = new CSSStyleSheet();
    sheet.replaceSync(text);
    return sheet;
  });
  return made;
}

let made: CSSStyleSheet[] | undefined;
