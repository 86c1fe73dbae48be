// Makes sure that a connector is really to be deleted.

import type { Connector } from "../api/types";
import { useRemove } from "../state/connectors";
import { texts } from "../words";
import { Dialog } from "./Dialog";
import { ErrorNotice } from "./Notice";

interface Props {
  connector: Connector;
  onDeleted: () => void;
  onClose: () => void;
}

export function DeleteDialog({ connector, onDeleted, onClose }: Props) {
  const remove = useRemove(connector);
  return (
    <Dialog title={texts.deleteTitle(connector.name)} onClose={onClose}>
      <div class="dialog-body">
        <p>{texts.deleteBody}</p>
        <ErrorNotice error={remove.error} />
        <div class="dialog-foot">
          <button type="button" data-first-focus onClick={onClose}>
            {texts.cancel}
          </button>
          <button
            type="button"
            class="danger filled"
            aria-disabled={remove.isPending}
            onClick={() => !remove.isPending && remove.mutate(undefined, { onSuccess: onDeleted })}
          >
            {remove.isPending ? texts.deleting : texts.deleteConfirm}
          </button>
        </div>
      </div>
    </Dialog>
  );
}
