// The list of connectors in all its conditions: loading, failed, empty, filled.

import type { Connector } from "../api/types";
import { needsSession } from "../api/client";
import { useConnectors } from "../state/connectors";
import { texts } from "../words";
import { ConnectorRow } from "./ConnectorRow";
import { Icon } from "./Icon";
import { ErrorNotice } from "./Notice";
import { SessionNeeded } from "./SessionNeeded";
import { ListSkeleton } from "./Skeleton";

interface Props {
  /** The connector a caller sent the user to: an id or a slug. */
  target: string | null;
  linkSpent: boolean;
  onEdit: (connector: Connector) => void;
  onDelete: (connector: Connector) => void;
}

export function ConnectorList({ target, linkSpent, onEdit, onDelete }: Props) {
  const list = useConnectors();
  if (list.isPending) return <ListSkeleton />;
  if (needsSession(list.error)) return <SessionNeeded linkSpent={linkSpent} />;

  const connectors = list.data ?? [];
  const isTarget = ({ id, slug }: Connector) => target !== null && (id === target || slug === target);
  return (
    <>
      <ErrorNotice error={list.error}>
        <button type="button" onClick={() => void list.refetch()}>
          {texts.refresh}
        </button>
      </ErrorNotice>
      <div class="notice-place" role="alert">
        {target !== null && list.isSuccess && !connectors.some(isTarget) && (
          <p class="notice" data-tone="attention">
            {texts.notYours}
          </p>
        )}
      </div>
      {list.isSuccess && connectors.length === 0 && <Empty />}
      {connectors.length > 0 && (
        <ul class="rows">
          {connectors.map((connector) => (
            <ConnectorRow
              key={connector.id}
              connector={connector}
              isTarget={isTarget(connector)}
              onEdit={() => onEdit(connector)}
              onDelete={() => onDelete(connector)}
            />
          ))}
        </ul>
      )}
    </>
  );
}

function Empty() {
  return (
    <section class="empty">
      <span class="empty-icon">
        <Icon name="key" />
      </span>
      <h2>{texts.empty}</h2>
      <p>{texts.emptyHint}</p>
    </section>
  );
}
