// What a connector can do, as its server describes it.

import type { Connector, Tool } from "../api/types";
import { isUsable, useTools } from "../state/connectors";
import { texts } from "../words";
import { Icon } from "./Icon";
import { ErrorNotice } from "./Notice";
import { LinesSkeleton } from "./Skeleton";

export function ToolList({ connector }: { connector: Connector }) {
  const usable = isUsable(connector);
  const tools = useTools(connector.id, usable);
  return (
    <section class="tools">
      <h3>{texts.tools}</h3>
      {!usable && (
        <p class="hint">{connector.enabled ? texts.toolsAfterSignIn : texts.toolsWhenEnabled}</p>
      )}
      {usable && tools.isPending && <LinesSkeleton label={texts.toolsLoading} />}
      <ErrorNotice error={usable ? tools.error : null}>
        <button type="button" onClick={() => void tools.refetch()}>
          {texts.refresh}
        </button>
      </ErrorNotice>
      {usable && tools.data?.length === 0 && <p class="hint">{texts.toolsNone}</p>}
      {usable && tools.data !== undefined && tools.data.length > 0 && (
        // It scrolls, so the keyboard must come to it.
        <ul class="tool-list" tabIndex={0} aria-label={texts.tools}>
          {tools.data.map((tool) => (
            <ToolItem key={tool.name} tool={tool} />
          ))}
        </ul>
      )}
    </section>
  );
}

function ToolItem({ tool }: { tool: Tool }) {
  const writes = tool.access === "write";
  return (
    <li>
      <div class="tool-head">
        <span class="tool-name">{tool.title || tool.name}</span>
        <span class="tag" data-tone={writes ? "attention" : "neutral"}>
          <Icon name={writes ? "pencil" : "eye"} />
          {writes ? texts.toolWrite : texts.toolRead}
        </span>
      </div>
      {tool.description && <p>{tool.description}</p>}
    </li>
  );
}
