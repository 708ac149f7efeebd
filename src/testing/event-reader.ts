// Reads server-sent events (WHATWG HTML section 9.2) from a response, one by one: as much of the format as a server of
// ours uses. Gives up after a bounded wait, so that a stream that says nothing fails a test instead of hanging it.

const waitMillisecondsMax = 10_000;

/** One event, or a comment, which has a text only. */
export interface ServerSentEvent {
  readonly id: string | undefined;
  readonly data: string | undefined;
  readonly comment: string | undefined;
}

/** Reads the events of one response. */
export class EventReader {
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>;
  readonly #decoder = new TextDecoder();
  #text = "";

  constructor(response: Response) {
    if (response.body === null) throw new Error("the answer has no body");
    this.#reader = response.body.getReader();
  }

  /** The next event or comment; `undefined` at the end of the stream. Rejects after 10 s without one. */
  async next(): Promise<ServerSentEvent | undefined> {
    for (;;) {
      const end = this.#text.indexOf("\n\n");
      if (end >= 0) {
        const block = this.#text.slice(0, end);
        this.#text = this.#text.slice(end + 2);
        return eventOf(block);
      }
      const { done, value } = await this.#read();
      if (done) return undefined;
      this.#text += this.#decoder.decode(value, { stream: true });
    }
  }

  /** Leaves. */
  async leave(): Promise<void> {
    await this.#reader.cancel();
  }

  #read(): Promise<ReadableStreamReadResult<Uint8Array>> {
    const signal = AbortSignal.timeout(waitMillisecondsMax);
    return new Promise((resolve, reject) => {
      signal.addEventListener("abort", () => reject(new Error("no event came for 10 s")), { once: true });
      this.#reader.read().then(resolve, reject);
    });
  }
}

function eventOf(block: string): ServerSentEvent {
  const field = (name: string): string | undefined => {
    const lines = block.split("\n").filter((line) => line.startsWith(`${name}: `));
    return lines.length === 0 ? undefined : lines.map((line) => line.slice(name.length + 2)).join("\n");
  };
  return { id: field("id"), data: field("data"), comment: field("") };
}
