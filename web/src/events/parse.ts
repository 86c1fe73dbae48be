// Server-sent events out of the text of a stream, for a reader that can send a bearer, which the
// browser's own EventSource cannot.

/** Gives each event's data as JSON; what is no JSON, like a sign of life, is left out. */
export class EventParser {
  #rest = "";

  push(text: string): unknown[] {
    const events = (this.#rest + text).split("\n\n");
    this.#rest = events.pop() ?? "";
    return events.flatMap(dataOf);
  }
}

function dataOf(event: string): unknown[] {
  const line = event.split("\n").find((text) => text.startsWith("data: "));
  if (line === undefined) return [];
  try {
    return [JSON.parse(line.slice("data: ".length))];
  } catch {
    return [];
  }
}
