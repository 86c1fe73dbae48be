// A client that was registered by hand with an authorization server.

import { texts } from "../words";
import { CopyField } from "./CopyField";
import { Field, SecretField } from "./Field";

export interface ClientEntry {
  id: string;
  secret: string;
}

interface Props {
  entry: ClientEntry;
  onChange: (entry: ClientEntry) => void;
  redirectUri: string | undefined;
  /** Whether something is saved that an empty field keeps. */
  isEdit: boolean;
}

export function ClientFields({ entry, onChange, redirectUri, isEdit }: Props) {
  return (
    <>
      {redirectUri !== undefined && <CopyField label={texts.redirectUri} value={redirectUri} />}
      <Field
        label={texts.clientId}
        {...(isEdit ? { hint: texts.clientIdHint } : {})}
        required={!isEdit}
        value={entry.id}
        onText={(id) => onChange({ ...entry, id })}
      />
      <SecretField
        label={texts.clientSecret}
        hint={isEdit ? texts.clientSecretKeep : texts.clientSecretHint}
        value={entry.secret}
        onText={(secret) => onChange({ ...entry, secret })}
      />
    </>
  );
}

/** The entry as the API takes it; undefined where nothing was entered. */
export function clientOf({ id, secret }: ClientEntry) {
  const client = {
    ...(id.trim() === "" ? {} : { client_id: id.trim() }),
    ...(secret === "" ? {} : { client_secret: secret }),
  };
  return Object.keys(client).length === 0 ? undefined : client;
}
