// A checkbox or a radio button with its label, of which the whole line can be pressed.

interface Props {
  type: "checkbox" | "radio";
  /** The group of a radio button. */
  name?: string;
  label: string;
  checked: boolean;
  disabled?: boolean;
  "aria-describedby"?: string;
  onChoose: () => void;
}

export function Choice({ label, onChoose, ...input }: Props) {
  return (
    <label class="choice">
      <input {...input} onChange={onChoose} />
      <span>{label}</span>
    </label>
  );
}
