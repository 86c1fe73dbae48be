// `<keyway-connectors>`: the settings page as an element, in a shadow root of its own.

import { render } from "preact";

import { App } from "./components/App";
import { styles } from "./styles";

/**
 * Properties, not attributes, so that a token never stands in the markup:
 * - `base`: Keyway's origin; by default where this script came from.
 * - `session`: a session token (`kwst_…`) for the user; without one the browser's cookie speaks.
 * - `signIn`: the id of a connector to bring the user to.
 * - `approval`: the id of a call that waits for the user.
 */
export class KeywayConnectors extends HTMLElement {
  #base = new URL(import.meta.url).origin;
  #session: string | null = null;
  #signIn: string | null = null;
  #approval: string | null = null;
  #opening = false;
  #linkSpent = false;

  constructor() {
    super();
    this.attachShadow({ mode: "open" }).adoptedStyleSheets = styles();
  }

  connectedCallback(): void {
    for (const name of ["base", "session", "signIn", "approval"] as const) this.#takeEarly(name);
    this.#render();
  }

  disconnectedCallback(): void {
    if (this.shadowRoot) render(null, this.shadowRoot);
  }

  set base(origin: string) {
    this.#base = new URL(origin).origin;
    this.#render();
  }

  get base(): string {
    return this.#base;
  }

  /** Can be set, never read back. */
  set session(token: string | null) {
    this.#session = token;
    this.#render();
  }

  set signIn(connectorId: string | null) {
    this.#signIn = connectorId;
    this.#render();
  }

  get signIn(): string | null {
    return this.#signIn;
  }

  set approval(approvalId: string | null) {
    this.#approval = approvalId;
    this.#render();
  }

  get approval(): string | null {
    return this.#approval;
  }

  /** Shows that it is being found out who sits here, until `opened`. For Keyway's own page. */
  opening(): void {
    this.#opening = true;
    this.#render();
  }

  /** It is known who sits here. For Keyway's own page. */
  opened(token: string | null, linkSpent: boolean): void {
    this.#opening = false;
    this.#linkSpent = linkSpent;
    this.session = token;
  }

  /** A property that was set before this class was known hides the accessor: set it again. */
  #takeEarly(name: "base" | "session" | "signIn" | "approval"): void {
    if (!Object.hasOwn(this, name)) return;
    const value = Reflect.get(this, name) as string;
    Reflect.deleteProperty(this, name);
    this[name] = value;
  }

  #render(): void {
    if (!this.isConnected || this.shadowRoot === null) return;
    render(
      <App
        base={this.#base}
        session={this.#session}
        opening={this.#opening}
        linkSpent={this.#linkSpent}
        signIn={this.#signIn}
        approval={this.#approval}
      />,
      this.shadowRoot,
    );
  }
}

/** Makes the element known to the document; once. */
export function define(): void {
  if (!customElements.get("keyway-connectors")) {
    customElements.define("keyway-connectors", KeywayConnectors);
  }
}
