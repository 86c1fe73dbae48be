// A labelled input with its hint.

import type { ComponentChildren, InputHTMLAttributes } from "preact";
import { useId } from "preact/hooks";

interface Props extends InputHTMLAttributes<HTMLInputElement> {
  label: string;
  hint?: ComponentChildren;
  onText: (text: string) => void;
}

export function Field({ label, hint, onText, ...input }: Props) {
  const id = useId();
  const hintId = hint === undefined ? undefined : `${id}-hint`;
  return (
    <div class="field">
      <label for={id}>{label}</label>
      <input
        type="text"
        autocomplete="off"
        autocapitalize="off"
        spellcheck={false}
        {...input}
        id={id}
        aria-describedby={hintId}
        onInput={(event) => onText(event.currentTarget.value)}
      />
      {hint !== undefined && (
        <p class="hint" id={hintId}>
          {hint}
        </p>
      )}
    </div>
  );
}

/** A field for a secret: never shown, never remembered by the browser's forms. */
export function SecretField(props: Props) {
  return <Field {...props} type="password" autocomplete="new-password" />;
}
