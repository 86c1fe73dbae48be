// The stream of what changes: opened again when it ends, until nobody listens any more. The page asks
// by itself as well, so a stream that does not come is no loss but time.

import { EventParser } from "./parse";

const FIRST_PAUSE_MS = 1_000;
const LONGEST_PAUSE_MS = 60_000;

/** What is told; without a connector it may be any. */
export interface KeywayEvent {
  type: string;
  connector_id: string | null;
}

export interface Listening {
  /** Opens the stream. */
  open: (signal: AbortSignal) => Promise<Response>;
  onEvent: (event: KeywayEvent) => void;
}

/** Listens until the answer is called. A refusal (4xx) ends it: asking again would not help. */
export function listenToEvents({ open, onEvent }: Listening): () => void {
  const stop = new AbortController();
  void keepListening(open, onEvent, stop.signal);
  return () => stop.abort();
}

async function keepListening(open: Listening["open"], onEvent: Listening["onEvent"], signal: AbortSignal) {
  let pause = FIRST_PAUSE_MS;
  while (!signal.aborted) {
    const response = await open(signal).catch(() => null);
    if (response !== null && response.status >= 400 && response.status < 500) return;
    if (response?.ok && response.body !== null) {
      pause = FIRST_PAUSE_MS;
      await read(response.body, onEvent).catch(() => undefined);
    }
    if (signal.aborted) return;
    await new Promise((resolve) => setTimeout(resolve, pause));
    pause = Math.min(pause * 2, LONGEST_PAUSE_MS);
  }
}

async function read(body: ReadableStream<Uint8Array>, onEvent: Listening["onEvent"]) {
  const reader = body.getReader();
  const [decoder, parser] = [new TextDecoder(), new EventParser()];
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    for (const event of parser.push(decoder.decode(value, { stream: true }))) {
      onEvent(event as KeywayEvent);
    }
  }
}
