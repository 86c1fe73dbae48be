// The personal tokens: made, listed and revoked, where the page has a session cookie of its own.

import { useRef, useState } from "preact/hooks";

import type { Connector, PersonalToken } from "../api/types";
import { useConnectors } from "../state/connectors";
import { useTokens } from "../state/tokens";
import { exactTime } from "../time";
import { namesOf, texts, tokenEnd } from "../words";
import { Icon } from "./Icon";
import { RevokeDialog } from "./RevokeDialog";
import { TokenDialog } from "./TokenDialog";
import { useFocusAfterDialog } from "./useFocusAfterDialog";

const { tokens: words } = texts;

export function TokenSection() {
  const connectors = useConnectors().data ?? [];
  const tokens = useTokens();
  const [isMaking, setMaking] = useState(false);
  const [leaving, setLeaving] = useState<PersonalToken | null>(null);
  const makeButton = useRef<HTMLButtonElement>(null);
  const openerLeaves = useRef(false);
  useFocusAfterDialog(makeButton, isMaking || leaving !== null, openerLeaves);

  if (tokens === null || (tokens.length === 0 && connectors.length === 0)) return null;
  return (
    <section class="tokens" aria-labelledby="tokens-title">
      <div class="page-head">
        <div>
          <h2 id="tokens-title">{words.title}</h2>
          <p class="hint">{words.intro}</p>
        </div>
        {connectors.length > 0 && (
          <button ref={makeButton} type="button" onClick={() => setMaking(true)}>
            <Icon name="key" />
            {words.make}
          </button>
        )}
      </div>
      {tokens.length > 0 && (
        <ul class="rows">
          {tokens.map((token) => (
            <TokenRow key={token.id} token={token} connectors={connectors} onRevoke={() => setLeaving(token)} />
          ))}
        </ul>
      )}
      {isMaking && <TokenDialog connectors={connectors} onClose={() => setMaking(false)} />}
      {leaving !== null && (
        <RevokeDialog
          token={leaving}
          onClose={() => setLeaving(null)}
          onRevoked={() => {
            openerLeaves.current = true;
            setLeaving(null);
          }}
        />
      )}
    </section>
  );
}

interface RowProps {
  token: PersonalToken;
  connectors: Connector[];
  onRevoke: () => void;
}

function TokenRow({ token, connectors, onRevoke }: RowProps) {
  return (
    <li class="row token">
      <div class="row-name">
        <h3>{token.name}</h3>
        <p class="hint">{namesOf(token, connectors)}</p>
        <p class="hint" title={exactTime(token.expires_at ?? token.created_at)}>
          {tokenEnd(token, Date.now())}
        </p>
      </div>
      <button type="button" class="danger" onClick={onRevoke}>
        {words.revoke}
        <span class="unseen"> {token.name}</span>
      </button>
    </li>
  );
}
