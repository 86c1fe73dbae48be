// One connector: what it is called, whether its credential works, how its server is, what helps, and
// on demand everything else.

import { useEffect, useId, useRef, useState } from "preact/hooks";

import type { Connector } from "../api/types";
import { useSignIn } from "../state/context";
import { countTools, healthOf, hostOf, reasonOf, texts } from "../words";
import { Avatar } from "./Avatar";
import { Details } from "./Details";
import { Icon } from "./Icon";
import { useRowAction } from "./RowAction";
import { SignInStatus } from "./SignInStatus";
import { StatusPill } from "./StatusPill";

interface Props {
  connector: Connector;
  /** Whether a caller sent the user to this very connector. */
  isTarget: boolean;
  onEdit: () => void;
  onDelete: () => void;
}

export function ConnectorRow({ connector, isTarget, onEdit, onDelete }: Props) {
  const [open, setOpen] = useState(false);
  const row = useRef<HTMLLIElement>(null);
  const panelId = useId();
  const signIn = useSignIn(connector.id);
  const action = useRowAction({ connector, onEdit });
  useFocusAsTarget(row, isTarget);
  useFocusKept(row);

  return (
    <li ref={row} class="row" part="connector" data-target={isTarget} data-enabled={connector.enabled}>
      <div class="row-head">
        <Avatar name={connector.name} />
        <div class="row-name">
          <h2>{connector.name}</h2>
          <p class="host">{subtitleOf(connector)}</p>
        </div>
        <div class="row-status">
          <StatusPill connector={connector} />
          {action.button}
        </div>
        <button
          type="button"
          class="quiet square disclosure"
          data-focus="details"
          aria-expanded={open}
          aria-controls={panelId}
          aria-label={texts.details(connector.name)}
          onClick={() => setOpen(!open)}
        >
          <Icon name="chevron" />
        </button>
      </div>
      <Troubles connector={connector} />
      <SignInStatus connectorId={connector.id} signIn={signIn} onEnterClient={onEdit} />
      {action.errors}
      <div id={panelId} class="panel" hidden={!open}>
        {open && <Details connector={connector} onEdit={onEdit} onDelete={onDelete} />}
      </div>
    </li>
  );
}

function Troubles({ connector }: { connector: Connector }) {
  const reason = reasonOf(connector);
  const health = healthOf(connector, Date.now());
  if (reason === null && health === null) return null;
  return (
    <div class="troubles">
      {reason !== null && <p>{reason}</p>}
      {health !== null && (
        <p class="health">
          <Icon name="alert" />
          {health}
        </p>
      )}
      {health !== null && connector.health.detail != null && (
        <p class="hint">{connector.health.detail}</p>
      )}
    </div>
  );
}

function useFocusAsTarget(row: { current: HTMLElement | null }, isTarget: boolean): void {
  useEffect(() => {
    if (!isTarget) return;
    row.current?.scrollIntoView({ block: "center" });
    focusIn(row.current);
  }, [isTarget]);
}

/** When the focused button goes away because it has helped, the focus stays in the row. */
function useFocusKept(row: { current: HTMLElement | null }): void {
  const hadFocus = useRef(false);
  const root = row.current?.getRootNode() as ShadowRoot | undefined;
  hadFocus.current = row.current?.contains(root?.activeElement ?? null) ?? false;
  useEffect(() => {
    const now = row.current?.getRootNode() as ShadowRoot | undefined;
    if (hadFocus.current && now?.activeElement == null) focusIn(row.current);
  });
}

function focusIn(row: HTMLElement | null): void {
  const wanted = row?.querySelector<HTMLElement>('[data-focus="action"]');
  (wanted ?? row?.querySelector<HTMLElement>('[data-focus="details"]'))?.focus();
}

function subtitleOf({ url, tool_count, state }: Connector): string {
  const host = hostOf(url);
  return tool_count == null || state !== "ready" ? host : `${host} · ${countTools(tool_count)}`;
}
