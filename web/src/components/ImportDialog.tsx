// Importing an mcp.json: pasted or chosen, then its servers to choose from, then how it went with each.

import { useLayoutEffect, useRef, useState } from "preact/hooks";

import type { Connector } from "../api/types";
import { known } from "../import/known";
import { readServers, type Entry } from "../import/mcp-json";
import { texts } from "../words";
import { Dialog } from "./Dialog";
import { Field, LongField } from "./Field";
import { ImportEntry } from "./ImportEntry";
import { isServer, useImport, type Import } from "./useImport";

const { import: words } = texts;

interface Props {
  /** What the user has before. */
  connectors: Connector[];
  onClose: () => void;
}

export function ImportDialog({ connectors, onClose }: Props) {
  const [entries, setEntries] = useState<Entry[] | null>(null);
  return (
    <Dialog title={words.title} onClose={onClose}>
      {entries === null ? (
        <Source onRead={(read) => setEntries(known(read, connectors))} onClose={onClose} />
      ) : (
        <Servers entries={entries} onClose={onClose} />
      )}
    </Dialog>
  );
}

function Source({ onRead, onClose }: { onRead: (entries: Entry[]) => void; onClose: () => void }) {
  const [text, setText] = useState("");
  const [problem, setProblem] = useState<string | null>(null);
  const read = (source: string) => {
    const entries = readServers(source);
    if (typeof entries === "string") setProblem(entries);
    else if (entries.length === 0) setProblem(words.none);
    else onRead(entries);
  };
  const readFile = (file: File | undefined) =>
    void file?.text().then(read, () => setProblem(words.unreadable));

  return (
    <form
      class="dialog-body"
      onSubmit={(event) => {
        event.preventDefault();
        read(text);
      }}
    >
      <LongField label={words.text} hint={words.textHint} rows={8} required data-first-focus value={text} onText={setText} />
      <Field
        label={words.file}
        type="file"
        accept=".json,application/json"
        onText={() => setProblem(null)}
        onChange={(event) => readFile(event.currentTarget.files?.[0])}
      />
      <div class="notice-place" role="alert">
        {problem !== null && (
          <p class="notice" data-tone="bad">
            {problem}
          </p>
        )}
      </div>
      <div class="dialog-foot">
        <button type="button" onClick={onClose}>
          {texts.cancel}
        </button>
        <button type="submit" class="primary">
          {words.next}
        </button>
      </div>
    </form>
  );
}

function Servers({ entries, onClose }: { entries: Entry[]; onClose: () => void }) {
  const state = useImport(entries);
  const form = useRef<HTMLFormElement>(null);
  // What had the focus is gone.
  useLayoutEffect(() => form.current?.querySelector<HTMLElement>("input, button")?.focus(), []);
  const isDone = state.left.length === 0 && state.progress.size > 0;
  const canChoose = entries.some(isServer);
  return (
    <form
      ref={form}
      class="dialog-body"
      onSubmit={(event) => {
        event.preventDefault();
        // The field in which Enter was pressed goes away.
        event.submitter?.focus();
        if (isDone) onClose();
        else state.add();
      }}
    >
      <fieldset>
        <legend>{words.found}</legend>
        <ul class="imports">
          {entries.map((entry, index) => (
            <ImportEntry key={index} entry={entry} state={state} />
          ))}
        </ul>
      </fieldset>
      <p role="status">{said(state, canChoose)}</p>
      <div class="dialog-foot">
        {!isDone && (
          <button type="button" onClick={onClose}>
            {canChoose && state.progress.size === 0 ? texts.cancel : texts.close}
          </button>
        )}
        {canChoose && (
          <button type="submit" class="primary" aria-disabled={state.isAdding || (state.left.length === 0 && !isDone)}>
            {isDone ? words.done : words.add(state.left.length)}
          </button>
        )}
      </div>
    </form>
  );
}

/** What a screen reader is told, and everybody sees. */
function said({ chosen, left, progress }: Import, canChoose: boolean): string {
  const server = chosen.find((one) => progress.get(one)?.step === "adding");
  if (server !== undefined) return words.adding(server.name, chosen.indexOf(server) + 1, chosen.length);
  if (progress.size === 0) return canChoose && left.length === 0 ? words.chooseOne : "";
  const steps = [...progress.values()].map(({ step }) => step);
  return words.ended(
    steps.filter((step) => step === "added").length,
    steps.filter((step) => step === "failed").length,
  );
}
