// Makes sure that a personal token is really to be revoked.

import type { PersonalToken } from "../api/types";
import { useRevokeToken } from "../state/tokens";
import { texts } from "../words";
import { ConfirmDialog } from "./ConfirmDialog";

interface Props {
  token: PersonalToken;
  onRevoked: () => void;
  onClose: () => void;
}

export function RevokeDialog({ token, onRevoked, onClose }: Props) {
  return (
    <ConfirmDialog
      title={texts.tokens.revokeTitle(token.name)}
      body={texts.tokens.revokeBody}
      confirm={texts.tokens.revokeConfirm}
      confirming={texts.tokens.revoking}
      work={useRevokeToken(token)}
      onDone={onRevoked}
      onClose={onClose}
    />
  );
}
