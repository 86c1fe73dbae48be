// What stands for a server: its icon, or the first letter of its name, in a tint of its own.

interface Props {
  name: string;
  /** A short text, or an image as a `data:` URI. */
  icon?: string | null;
}

export function Avatar({ name, icon }: Props) {
  return (
    <span class="avatar" aria-hidden="true" data-tint={tintOf(name)}>
      {icon?.startsWith("data:") ? <img src={icon} alt="" /> : (icon ?? initialOf(name))}
    </span>
  );
}

function initialOf(name: string): string {
  return [...name.trim()][0]?.toLocaleUpperCase() ?? "?";
}

function tintOf(name: string): number {
  return [...name].reduce((sum, letter) => sum + (letter.codePointAt(0) ?? 0), 0) % 5;
}
