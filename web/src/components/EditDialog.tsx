// Changing a connector: its name, its address, and what it signs in with. Saved secrets are never shown.

import { useState } from "preact/hooks";

import type { Connector, ConnectorPatch } from "../api/types";
import { headerPatch, type HeaderEdit, type HeaderPair } from "../headers/headers";
import { useChange } from "../state/connectors";
import { isUnattended, texts } from "../words";
import { A_PERSON, changedSettingsOf, type GrantEntry } from "../grants/grants";
import { ClientFields, clientOf, type ClientEntry } from "./ClientFields";
import { Dialog } from "./Dialog";
import { Field } from "./Field";
import { GrantFields } from "./GrantFields";
import { HeaderEdits } from "./HeaderEdits";
import { HeaderPairs } from "./HeaderPairs";
import { ErrorNotice } from "./Notice";

export function EditDialog({ connector, onClose }: { connector: Connector; onClose: () => void }) {
  const change = useChange(connector);
  const [name, setName] = useState(connector.name);
  const [url, setUrl] = useState(connector.url);
  const [edits, setEdits] = useState<Record<string, HeaderEdit>>({});
  const [added, setAdded] = useState<HeaderPair[]>([]);
  const [client, setClient] = useState<ClientEntry>({ id: "", secret: "" });
  const [grant, setGrant] = useState<GrantEntry>({ ...A_PERSON, grant: connector.oauth.grant });
  const isOAuth = connector.auth_type === "oauth";

  const save = () => {
    const oauth = isUnattended(connector) ? changedSettingsOf(grant) : clientOf(client);
    const patch = patchOf(connector, name, url, headerPatch(edits, added), oauth);
    if (Object.keys(patch).length === 0) return onClose();
    if (!change.isPending) change.mutate(patch, { onSuccess: onClose });
  };

  return (
    <Dialog title={texts.editTitle(connector.name)} onClose={onClose}>
      <form
        class="dialog-body"
        onSubmit={(event) => {
          event.preventDefault();
          save();
        }}
      >
        <Field label={texts.name} required data-first-focus value={name} onText={setName} />
        <Field
          label={texts.url}
          hint={texts.addressChange}
          inputMode="url"
          required
          value={url}
          onText={setUrl}
        />
        <fieldset>
          <legend>{legendOf(connector)}</legend>
          {isUnattended(connector) ? (
            <GrantFields entry={grant} onChange={setGrant} isEdit />
          ) : isOAuth ? (
            <ClientFields entry={client} onChange={setClient} redirectUri={undefined} isEdit />
          ) : (
            <>
              <HeaderEdits names={connector.header_names} edits={edits} onChange={setEdits} />
              <HeaderPairs pairs={added} onChange={setAdded} least={0} />
              <p class="hint">{texts.headerHint}</p>
            </>
          )}
        </fieldset>
        <ErrorNotice error={change.error} />
        <div class="dialog-foot">
          <button type="button" onClick={onClose}>
            {texts.cancel}
          </button>
          <button type="submit" class="primary" aria-disabled={change.isPending}>
            {change.isPending ? texts.saving : texts.save}
          </button>
        </div>
      </form>
    </Dialog>
  );
}

function legendOf(connector: Connector): string {
  if (isUnattended(connector)) return texts.credentials;
  return connector.auth_type === "oauth" ? texts.client : texts.headers;
}

/** Only what was changed, so that nothing else is touched. */
function patchOf(
  connector: Connector,
  name: string,
  url: string,
  headers: Record<string, string | null>,
  oauth: ConnectorPatch["oauth"],
): ConnectorPatch {
  return {
    ...(name.trim() === connector.name ? {} : { name: name.trim() }),
    ...(url.trim() === connector.url ? {} : { url: url.trim() }),
    ...(Object.keys(headers).length === 0 ? {} : { headers }),
    ...(oauth === undefined ? {} : { oauth }),
  };
}
