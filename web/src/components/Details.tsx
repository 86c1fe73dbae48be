// One connector's particulars, its tools, and what can be done with it.

import type { ComponentChildren } from "preact";

import type { Connector } from "../api/types";
import { useChange, useSignOut, useTest } from "../state/connectors";
import { exactTime, relativeTime } from "../time";
import { hostOf, texts } from "../words";
import { ActivityList } from "./ActivityList";
import { CopyField } from "./CopyField";
import { ErrorNotice } from "./Notice";
import { ToolList } from "./ToolList";

interface Props {
  connector: Connector;
  onEdit: () => void;
  onDelete: () => void;
}

export function Details({ connector, onEdit, onDelete }: Props) {
  const test = useTest(connector);
  const change = useChange(connector);
  const signOut = useSignOut(connector);
  return (
    <>
      <CopyField label={texts.url} value={connector.url} />
      <Facts connector={connector} />
      <ToolList connector={connector} />
      <ActivityList connectorId={connector.id} />
      <ErrorNotice error={test.error ?? change.error ?? signOut.error} />
      <div class="actions">
        <button type="button" onClick={onEdit}>
          {texts.edit}
        </button>
        {connector.enabled && (
          <button type="button" aria-disabled={test.isPending} onClick={() => !test.isPending && test.mutate()}>
            {test.isPending ? texts.testing : texts.test}
          </button>
        )}
        <button type="button" onClick={() => change.mutate({ enabled: !connector.enabled })}>
          {connector.enabled ? texts.disable : texts.enable}
        </button>
        {connector.oauth.authorized && (
          <button type="button" onClick={() => signOut.mutate()}>
            {texts.signOut}
          </button>
        )}
        <button type="button" class="danger last" onClick={onDelete}>
          {texts.remove}
        </button>
      </div>
    </>
  );
}

function Facts({ connector }: { connector: Connector }) {
  const { oauth, health } = connector;
  const checked = health.checked_at;
  return (
    <dl class="facts">
      {oauth.account != null && <Fact name={texts.account}>{oauth.account}</Fact>}
      {oauth.issuer != null && <Fact name={texts.issuer}>{hostOf(oauth.issuer)}</Fact>}
      {oauth.scopes.length > 0 && <Fact name={texts.scopes}>{oauth.scopes.join(", ")}</Fact>}
      {oauth.expires_at != null && !oauth.refreshable && (
        <Fact name={texts.endsAt}>{exactTime(oauth.expires_at)}</Fact>
      )}
      {connector.header_names.length > 0 && (
        <Fact name={texts.headers}>{connector.header_names.join(", ")}</Fact>
      )}
      <Fact name={texts.lastContact}>
        {checked == null ? texts.neverContacted : <Moment iso={checked} />}
      </Fact>
      {connector.protocol_version != null && (
        <Fact name={texts.protocol}>MCP {connector.protocol_version}</Fact>
      )}
    </dl>
  );
}

function Fact({ name, children }: { name: string; children: ComponentChildren }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </div>
  );
}

function Moment({ iso }: { iso: string }) {
  return (
    <time dateTime={iso} title={exactTime(iso)}>
      {relativeTime(iso, Date.now())}
    </time>
  );
}
