// Makes sure that a personal token is really to be revoked.

import type { PersonalToken } from "../api/types";
import { useRevokeToken } from "../state/tokens";
import { texts } from "../words";
import { Dialog } from "./Dialog";
import { ErrorNotice } from "./Notice";

interface Props {
  token: PersonalToken;
  onRevoked: () => void;
  onClose: () => void;
}

export function RevokeDialog({ token, onRevoked, onClose }: Props) {
  const revoke = useRevokeToken(token);
  return (
    <Dialog title={texts.tokens.revokeTitle(token.name)} onClose={onClose}>
      <div class="dialog-body">
        <p>{texts.tokens.revokeBody}</p>
        <ErrorNotice error={revoke.error} />
        <div class="dialog-foot">
          <button type="button" data-first-focus onClick={onClose}>
            {texts.cancel}
          </button>
          <button
            type="button"
            class="danger filled"
            aria-disabled={revoke.isPending}
            onClick={() => !revoke.isPending && revoke.mutate(undefined, { onSuccess: onRevoked })}
          >
            {revoke.isPending ? texts.tokens.revoking : texts.tokens.revokeConfirm}
          </button>
        </div>
      </div>
    </Dialog>
  );
}
