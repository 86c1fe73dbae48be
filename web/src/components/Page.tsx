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
import { TokenSection } from "./TokenSection";
import { useFocusAfterDialog } from "./useFocusAfterDialog";

type OpenDialog = { kind: "add" } | { kind: "edit" | "delete"; connector: Connector };

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
  const known = !needsSession(useConnectors().error);
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
          <button ref={addButton} type="button" class="primary" onClick={() => setDialog({ kind: "add" })}>
            <Icon name="plus" />
            {texts.add}
          </button>
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
