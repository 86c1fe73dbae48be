// Tries an address while it is being typed: after a pause, never two answers at once, and an answer
// that comes after the next key stroke is dropped.

import type { ProbeReport } from "../api/types";

const PAUSE_MS = 600;

export type ProbeState =
  | { step: "idle" }
  | { step: "probing" }
  | { step: "done"; report: ProbeReport; withHeaders: boolean }
  | { step: "failed"; error: unknown };

export type Probe = (
  url: string,
  headers: Record<string, string>,
  signal: AbortSignal,
) => Promise<ProbeReport>;

export class Prober {
  readonly #probe: Probe;
  readonly #onChange: (state: ProbeState) => void;
  #generation = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #abort = new AbortController();

  constructor(probe: Probe, onChange: (state: ProbeState) => void) {
    this.#probe = probe;
    this.#onChange = onChange;
  }

  /** The address or the headers changed: tries them after a pause. */
  later(url: string | null, headers: Record<string, string>): void {
    this.stop();
    if (url === null) return this.#onChange({ step: "idle" });
    this.#onChange({ step: "probing" });
    this.#timer = setTimeout(() => void this.#send(url, headers), PAUSE_MS);
  }

  /** Tries at once. */
  now(url: string, headers: Record<string, string>): Promise<void> {
    this.stop();
    this.#onChange({ step: "probing" });
    return this.#send(url, headers);
  }

  /** Drops what is under way; nothing is sent or told any more until the next call. */
  stop(): void {
    this.#generation += 1;
    clearTimeout(this.#timer);
    this.#abort.abort();
  }

  async #send(url: string, headers: Record<string, string>): Promise<void> {
    const generation = this.#generation;
    this.#abort = new AbortController();
    const state = await this.#probe(url, headers, this.#abort.signal).then(
      (report): ProbeState => ({ step: "done", report, withHeaders: Object.keys(headers).length > 0 }),
      (error: unknown): ProbeState => ({ step: "failed", error }),
    );
    if (generation === this.#generation) this.#onChange(state);
  }
}
