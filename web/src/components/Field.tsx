// A labelled input with its hint.

import type { ComponentChildren, InputHTMLAttributes, TextareaHTMLAttributes } from "preact";
import { useId } from "preact/hooks";

interface Labels {
  label: string;
  hint?: ComponentChildren;
  onText: (text: string) => void;
}

/** What keeps the browser from changing or remembering what is typed. */
const AS_TYPED = { autocomplete: "off", autocapitalize: "off", spellcheck: false } as const;

interface LabelledProps extends Pick<Labels, "label" | "hint"> {
  children: (ids: { id: string; "aria-describedby": string | undefined }) => ComponentChildren;
}

/** A label before an input and a hint after it; the input is given the ids that tie them together. */
function Labelled({ label, hint, children }: LabelledProps) {
  const id = useId();
  const hintId = hint === undefined ? undefined : `${id}-hint`;
  return (
    <div class="field">
      <label for={id}>{label}</label>
      {children({ id, "aria-describedby": hintId })}
      {hint !== undefined && (
        <p class="hint" id={hintId}>
          {hint}
        </p>
      )}
    </div>
  );
}

type Props = Labels & InputHTMLAttributes<HTMLInputElement>;

export function Field({ label, hint, onText, ...input }: Props) {
  return (
    <Labelled label={label} hint={hint}>
      {(ids) => (
        <input
          type="text"
          {...AS_TYPED}
          {...input}
          {...ids}
          onInput={(event) => onText(event.currentTarget.value)}
        />
      )}
    </Labelled>
  );
}

/** A field for a secret: never shown, never remembered by the browser's forms. */
export function SecretField(props: Props) {
  return <Field {...props} type="password" autocomplete="new-password" />;
}

/** A field for text of several lines, such as a key. */
export function LongField({
  label,
  hint,
  onText,
  ...area
}: Labels & TextareaHTMLAttributes<HTMLTextAreaElement>) {
  return (
    <Labelled label={label} hint={hint}>
      {(ids) => (
        <textarea
          class="code"
          {...AS_TYPED}
          {...area}
          {...ids}
          onInput={(event) => onText(event.currentTarget.value)}
        />
      )}
    </Labelled>
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
  return (
    <Labelled label={label}>
      {({ id }) => (
        <select id={id} onChange={(event) => onText(event.currentTarget.value)}>
          {Object.entries(options).map(([name, text]) => (
            <option key={name} value={name} selected={name === value}>
              {text}
            </option>
          ))}
        </select>
      )}
    </Labelled>
  );
}
