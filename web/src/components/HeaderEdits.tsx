// Saved headers: each is kept, replaced or deleted. What is saved is never shown.

import { useEffect, useRef } from "preact/hooks";

import type { HeaderEdit } from "../headers/headers";
import { texts } from "../words";
import { SecretField } from "./Field";

interface Props {
  names: readonly string[];
  edits: Record<string, HeaderEdit>;
  onChange: (edits: Record<string, HeaderEdit>) => void;
}

export function HeaderEdits({ names, edits, onChange }: Props) {
  return (
    <ul class="header-edits">
      {names.map((name) => (
        <HeaderItem
          key={name}
          name={name}
          edit={edits[name] ?? { kind: "keep" }}
          onChange={(edit) => onChange({ ...edits, [name]: edit })}
        />
      ))}
    </ul>
  );
}

interface ItemProps {
  name: string;
  edit: HeaderEdit;
  onChange: (edit: HeaderEdit) => void;
}

function HeaderItem({ name, edit, onChange }: ItemProps) {
  const item = useRef<HTMLLIElement>(null);
  const isKept = edit.kind === "keep";
  useFocusAfterChoice(item, edit.kind);
  return (
    <li ref={item} data-edit={edit.kind}>
      <div class="header-line">
        <span class="code">{name}</span>
        <span class="hint">
          {isKept && texts.headerKept}
          {edit.kind === "delete" && texts.headerDeleted}
        </span>
        <span class="actions">
          <Choice
            label={isKept ? texts.headerReplace : texts.headerKeep}
            name={name}
            onPick={() => onChange(isKept ? { kind: "replace", value: "" } : { kind: "keep" })}
          />
          {isKept && (
            <Choice label={texts.headerDelete} name={name} onPick={() => onChange({ kind: "delete" })} />
          )}
        </span>
      </div>
      {edit.kind === "replace" && (
        <SecretField
          label={texts.headerValueNew}
          value={edit.value}
          onText={(value) => onChange({ kind: "replace", value })}
        />
      )}
    </li>
  );
}

/** The button that was pressed may be gone: the focus goes on to the new value, or to the way back. */
function useFocusAfterChoice(item: { current: HTMLElement | null }, kind: HeaderEdit["kind"]): void {
  const before = useRef(kind);
  useEffect(() => {
    if (before.current !== kind) {
      item.current?.querySelector<HTMLElement>(kind === "replace" ? "input" : "button")?.focus();
    }
    before.current = kind;
  }, [kind]);
}

function Choice({ label, name, onPick }: { label: string; name: string; onPick: () => void }) {
  return (
    <button type="button" onClick={onPick}>
      {label}
      <span class="unseen"> {name}</span>
    </button>
  );
}
