// Times in the reader's language and zone.

const MINUTE = 60_000;
const STEPS: [Intl.RelativeTimeFormatUnit, number][] = [
  ["day", 24 * 60 * MINUTE],
  ["hour", 60 * MINUTE],
  ["minute", MINUTE],
];

/** "5 minutes ago", "in 2 hours"; `locale` defaults to the browser's. */
export function relativeTime(iso: string, now: number, locale?: string): string {
  const distance = Date.parse(iso) - now;
  const format = new Intl.RelativeTimeFormat(locale, { numeric: "auto" });
  const step = STEPS.find(([, length]) => Math.abs(distance) >= length);
  if (step === undefined) return format.format(0, "second");
  return format.format(Math.trunc(distance / step[1]), step[0]);
}

/** The full date and time, for where the exact moment matters. */
export function exactTime(iso: string): string {
  return new Date(iso).toLocaleString(undefined, { dateStyle: "medium", timeStyle: "short" });
}
