// A bare TCP client for the adapter's tests: sends bytes, collects bytes, says when the other side closed.

import type { Socket } from "node:net";
import { connect } from "node:net";

const waitMillisecondsMax = 3000;

export class Raw {
  readonly socket: Socket;
  /** Everything that arrived. */
  text = "";
  closed = false;
  #wake: () => void = () => undefined;

  private constructor(socket: Socket) {
    this.socket = socket;
    socket.setEncoding("latin1");
    socket.on("data", (chunk) => {
      this.text += chunk;
      this.#wake();
    });
    socket.on("error", () => undefined);
    socket.on("close", () => {
      this.closed = true;
      this.#wake();
    });
  }

  /** With `allowHalfOpen` the other side's end does not close this one. */
  static async open(port: number, host = "127.0.0.1", allowHalfOpen = false): Promise<Raw> {
    const socket = connect({ port, host, allowHalfOpen });
    await new Promise<void>((resolve, reject) => {
      socket.once("connect", () => resolve());
      socket.once("error", reject);
    });
    return new Raw(socket);
  }

  send(text: string | Uint8Array): void {
    this.socket.write(text);
  }

  /** Waits until `condition` holds, at most 3 s. */
  async until(condition: (raw: Raw) => boolean): Promise<void> {
    const signal = AbortSignal.timeout(waitMillisecondsMax);
    while (!condition(this)) {
      if (signal.aborted) throw new Error(`waited too long; got ${JSON.stringify(this.text.slice(0, 400))}`);
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
        signal.addEventListener("abort", () => resolve(), { once: true });
      });
    }
  }

  /** Waits for the close and returns everything that arrived. */
  async untilClosed(): Promise<string> {
    await this.until((raw) => raw.closed);
    return this.text;
  }

  /** The status codes that arrived, in order. */
  get statuses(): string[] {
    return [...this.text.matchAll(/HTTP\/1\.1 (\d{3})/g)].map((match) => match[1] as string);
  }

  end(): void {
    this.socket.destroy();
  }
}
