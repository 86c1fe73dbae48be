// Makes sure that a connector is really to be deleted.

import type { Connector } from "../api/types";
import { useRemove } from "../state/connectors";
import { texts } from "../words";
import { ConfirmDialog } from "./ConfirmDialog";

interface Props {
  connector: Connector;
  onDeleted: () => void;
  onClose: () => void;
}

export function DeleteDialog({ connector, onDeleted, onClose }: Props) {
  return (
    <ConfirmDialog
      title={texts.deleteTitle(connector.name)}
      body={texts.deleteBody}
      confirm={texts.deleteConfirm}
      confirming={texts.deleting}
      work={useRemove(connector)}
      onDone={onDeleted}
      onClose={onClose}
    />
  );
}
