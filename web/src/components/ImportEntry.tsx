// One server of a file that is imported: whether it is wanted, what it asks for, how it went.

import { useId } from "preact/hooks";

import { isPartOf, type Entry, type Server } from "../import/mcp-json";
import { pillOf, texts } from "../words";
import { Choice } from "./Choice";
import { SecretField } from "./Field";
import { isServer, type Import, type Progress } from "./useImport";

const { import: words } = texts;

export function ImportEntry({ entry, state }: { entry: Entry; state: Import }) {
  if (isServer(entry)) return <Offered server={entry} state={state} />;
  return (
    <li>
      <p>{entry.name}</p>
      <p class="hint">{entry.refused}</p>
    </li>
  );
}

function Offered({ server, state }: { server: Server; state: Import }) {
  const id = useId();
  const isChosen = state.chosen.includes(server);
  const progress = state.progress.get(server);
  const isFixed = state.isAdding || progress?.step === "added";
  return (
    <li>
      <Choice
        type="checkbox"
        label={server.name}
        checked={isChosen}
        disabled={isFixed}
        aria-describedby={id}
        onChoose={() => state.toggle(server)}
      />
      <p class="hint" id={id}>
        {server.connector.url}
        <br />
        {asks(server)}
      </p>
      {isChosen &&
        !isFixed &&
        server.toEnter.map(({ name, template }) => (
          <SecretField
            key={name}
            label={words.valueOf(name)}
            {...(isPartOf(template) ? { hint: words.partOf(template) } : {})}
            required
            value={state.typedFor(server, name)}
            onText={(value) => state.enter(server, name, value)}
          />
        ))}
      <Outcome progress={progress} />
    </li>
  );
}

function asks({ connector, toEnter }: Server): string {
  if (toEnter.length > 0) return words.asksForValues;
  if (connector.oauth?.grant != null && connector.oauth.grant !== "authorization_code") return words.needsNobody;
  if (connector.auth_type === "oauth") return words.asksForSignIn;
  const headers = Object.keys(connector.headers ?? {});
  if (headers.length > 0) return words.usesHeaders(headers.join(", "));
  return connector.auth_type === "headers" ? words.needsNobody : words.asksMaybe;
}

function Outcome({ progress }: { progress: Progress | undefined }) {
  if (progress?.step === "added") {
    return (
      <p class="verdict" data-tone="good">
        {words.added}: {pillOf(progress.connector).label}
      </p>
    );
  }
  return progress?.step === "failed" ? (
    <p class="verdict" data-tone="bad">
      {progress.message}
    </p>
  ) : null;
}
