// The one button that helps a connector. It is never locked: a sign-in can be opened again at any time.

import type { Connector } from "../api/types";
import { useChange, useTest } from "../state/connectors";
import { useKeyway } from "../state/context";
import { actionOf } from "../words";
import { ErrorNotice } from "./Notice";

interface Props {
  connector: Connector;
  onEdit: () => void;
}

export function useRowAction({ connector, onEdit }: Props) {
  const { signIns } = useKeyway();
  const change = useChange(connector);
  const test = useTest(connector);
  const action = actionOf(connector);
  const isNeeded = action?.kind === "sign_in" || action?.kind === "edit";
  const busy = change.isPending || test.isPending;

  const run = () => {
    if (action === null || busy) return;
    if (action.kind === "sign_in") void signIns.begin(connector.id);
    if (action.kind === "enable") change.mutate({ enabled: true });
    if (action.kind === "retry") test.mutate();
    if (action.kind === "edit") onEdit();
  };

  return {
    button: action !== null && (
      <button type="button" class={isNeeded ? "primary" : ""} data-focus="action" aria-disabled={busy} onClick={run}>
        {busy ? action.busy : action.label}
        <span class="unseen"> {connector.name}</span>
      </button>
    ),
    errors: <ErrorNotice error={change.error ?? test.error} />,
  };
}
