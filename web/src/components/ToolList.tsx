// What a connector can do, as its server describes it, and what of that it may.

import type { Connector } from "../api/types";
import { isUsable, useChange, useTools } from "../state/connectors";
import { useChangeTool } from "../state/policy";
import { texts } from "../words";
import { ErrorNotice } from "./Notice";
import { LinesSkeleton } from "./Skeleton";
import { ToolItem } from "./ToolItem";

export function ToolList({ connector }: { connector: Connector }) {
  const usable = isUsable(connector);
  const tools = useTools(connector.id, usable);
  const change = useChangeTool(connector.id);
  return (
    <section class="tools">
      <div class="tools-head">
        <h3>{texts.tools}</h3>
        <ReadOnly connector={connector} />
      </div>
      {!usable && (
        <p class="hint">{connector.enabled ? texts.toolsAfterSignIn : texts.toolsWhenEnabled}</p>
      )}
      {usable && tools.isPending && <LinesSkeleton label={texts.toolsLoading} />}
      <ErrorNotice error={usable ? tools.error : null}>
        <button type="button" onClick={() => void tools.refetch()}>
          {texts.refresh}
        </button>
      </ErrorNotice>
      <ErrorNotice error={change.error} />
      {usable && tools.data?.length === 0 && <p class="hint">{texts.toolsNone}</p>}
      {usable && tools.data !== undefined && tools.data.length > 0 && (
        // It scrolls, so the keyboard must come to it.
        <ul class="tool-list" tabIndex={0} aria-label={texts.tools}>
          {tools.data.map((tool) => (
            <ToolItem
              key={tool.name}
              tool={tool}
              readOnly={connector.read_only}
              onMode={(mode) => change.mutate({ tool, patch: { mode } })}
              onAccept={(accept_change) => change.mutate({ tool, patch: { accept_change } })}
            />
          ))}
        </ul>
      )}
    </section>
  );
}

function ReadOnly({ connector }: { connector: Connector }) {
  const change = useChange(connector);
  return (
    <>
      <label class="switch">
        <input
          type="checkbox"
          role="switch"
          checked={connector.read_only}
          onChange={() => !change.isPending && change.mutate({ read_only: !connector.read_only })}
        />
        <span>{texts.readOnly}</span>
      </label>
      <ErrorNotice error={change.error} />
    </>
  );
}
