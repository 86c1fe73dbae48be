// The heading, the list, and the dialog that is open.

import { useRef, useState } from "preact/hooks";

import { needsSession } from "../api/client";
import type { Connector } from "../api/types";
import { useConnectors } from "../state/connectors";
import { usePresets } from "../state/presets";
import { texts } from "../words";
import { AddDialog } from "./AddDialog";
import { Approvals } from "./Approvals";
import { ConnectorList } from "./ConnectorList";
import { DeleteDialog } from "./DeleteDialog";
import { EditDialog } from "./EditDialog";
import { Icon } from "./Icon";
import { ImportDialog } from "./ImportDialog";
import { TokenSection } from "./TokenSection";
import { useFocusAfterDialog } from "./useFocusAfterDialog";

type OpenDialog = { kind: "add" | "import" } | { kind: "edit" | "delete"; connector: Connector };

interface Props {
  /** The connector a caller sent the user to. */
  target: string | null;
  /** The call that waits for a person, to which a caller sent the user. */
  approval: string | null;
  linkSpent: boolean;
}

export function Page({ target, approval, linkSpent }: Props) {
  const [dialog, setDialog] = useState<OpenDialog | null>(null);
  const addButton = useRef<HTMLButtonElement>(null);
  const connectors = useConnectors();
  const known = !needsSession(connectors.error);
  // Asked for ahead, so that the dialog opens with them and nothing moves.
  usePresets();
  const openerLeaves = useRef(false);
  const close = () => setDialog(null);
  const deleted = () => {
    openerLeaves.current = true;
    close();
  };
  useFocusAfterDialog(addButton, dialog !== null, openerLeaves);

  return (
    <>
      <header class="page-head">
        <div>
          <h1>{texts.title}</h1>
          <p class="hint">{texts.intro}</p>
        </div>
        {known && (
          <div class="actions">
            <button type="button" onClick={() => setDialog({ kind: "import" })}>
              {texts.import.open}
            </button>
            <button ref={addButton} type="button" class="primary" onClick={() => setDialog({ kind: "add" })}>
              <Icon name="plus" />
              {texts.add}
            </button>
          </div>
        )}
      </header>
      {known && <Approvals target={approval} onEmpty={() => addButton.current?.focus()} />}
      <ConnectorList
        target={target}
        linkSpent={linkSpent}
        onEdit={(connector) => setDialog({ kind: "edit", connector })}
        onDelete={(connector) => setDialog({ kind: "delete", connector })}
      />
      {known && <TokenSection />}
      {dialog?.kind === "add" && (
        <AddDialog
          onAdded={() => setDialog((open) => (open?.kind === "add" ? null : open))}
          onClose={close}
        />
      )}
      {dialog?.kind === "import" && <ImportDialog connectors={connectors.data ?? []} onClose={close} />}
      {dialog?.kind === "edit" && <EditDialog connector={dialog.connector} onClose={close} />}
      {dialog?.kind === "delete" && (
        <DeleteDialog
          connector={dialog.connector}
          onClose={close}
          onDeleted={deleted}
        />
      )}
    </>
  );
}
