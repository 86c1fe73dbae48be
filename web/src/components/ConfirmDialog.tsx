// Makes sure that something which cannot be undone is really meant.

import { texts } from "../words";
import { Dialog } from "./Dialog";
import { ErrorNotice } from "./Notice";

interface Props {
  title: string;
  body: string;
  /** What the button says before it is pressed, and while the work goes on. */
  confirm: string;
  confirming: string;
  /** The work, as a mutation. */
  work: {
    error: Error | null;
    isPending: boolean;
    mutate: (variables: undefined, options: { onSuccess: () => void }) => void;
  };
  onDone: () => void;
  onClose: () => void;
}

export function ConfirmDialog({ title, body, confirm, confirming, work, onDone, onClose }: Props) {
  return (
    <Dialog title={title} onClose={onClose}>
      <div class="dialog-body">
        <p>{body}</p>
        <ErrorNotice error={work.error} />
        <div class="dialog-foot">
          <button type="button" data-first-focus onClick={onClose}>
            {texts.cancel}
          </button>
          <button
            type="button"
            class="danger filled"
            aria-disabled={work.isPending}
            onClick={() => !work.isPending && work.mutate(undefined, { onSuccess: onDone })}
          >
            {work.isPending ? confirming : confirm}
          </button>
        </div>
      </div>
    </Dialog>
  );
}
