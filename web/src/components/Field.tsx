// A labelled input with its hint.

import type { ComponentChildren, InputHTMLAttributes, TextareaHTMLAttributes } from "preact";
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

interface LongProps extends TextareaHTMLAttributes<HTMLTextAreaElement> {
  label: string;
  hint?: ComponentChildren;
  onText: (text: string) => void;
}

/** A field for text of several lines, such as a key. */
export function LongField({ label, hint, onText, ...area }: LongProps) {
  const id = useId();
  const hintId = hint === undefined ? undefined : `${id}-hint`;
  return (
    <div class="field">
      <label for={id}>{label}</label>
      <textarea
        class="code"
        autocomplete="off"
        autocapitalize="off"
        spellcheck={false}
        {...area}
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

interface SelectProps {
  label: string;
  /** The values and what they are called. */
  options: Record<string, string>;
  value: string;
  onText: (value: string) => void;
}

/** One of several. */
export function SelectField({ label, options, value, onText }: SelectProps) {
  const id = useId();
  return (
    <div class="field">
      <label for={id}>{label}</label>
      <select id={id} onChange={(event) => onText(event.currentTarget.value)}>
        {Object.entries(options).map(([name, text]) => (
          <option key={name} value={name} selected={name === value}>
            {text}
          </option>
        ))}
      </select>
    </div>
  );
}
