// One listener of the revocation feed over a raw socket: counts entries, and as a witness notes when each session's came. A thousand of them must cost the generator less than they cost the server.

import type { Socket } from "node:net";
import { connect } from "node:net";

const sidShape = /"sid":"([\w-]{22})"/g;
const [brace, bracket] = ["{", "["].map((character) => character.charCodeAt(0));

/** A listener. */
export class FeedListener {
  /** When an entry came, by session; of a witness only. */
  readonly arrivedAt = new Map<string, number>();
  /** Each is an object, and so is each event, in which they are the one list. */
  entries = 0;
  hasBegun = false;
  readonly #socket: Socket;
  #rest = "";

  /** Listens from `cursor` on. */
  constructor(port: number, cursor: string, isWitness: boolean) {
    this.#socket = connect({ port, host: "127.0.0.1" });
    this.#socket.on("error", (error) => {
      throw error;
    });
    this.#socket.on("data", (chunk) => this.#receive(chunk, isWitness));
    this.#socket.write(
      `GET /auth/revocations?after=${cursor} HTTP/1.1\r\nHost: localhost:${port}\r\nAccept: text/event-stream\r\n\r\n`,
    );
  }

  end(): void {
    this.#socket.destroy();
  }

  #receive(chunk: Uint8Array, isWitness: boolean): void {
    for (const byte of chunk) {
      if (byte === brace) this.entries += 1;
      else if (byte === bracket) this.entries -= 1;
    }
    if (!isWitness && this.hasBegun) return;
    this.#rest += Buffer.from(chunk).toString("latin1");
    this.hasBegun ||= this.#rest.includes("data: ");
    const now = performance.now();
    let taken = 0;
    for (const match of this.#rest.matchAll(sidShape)) {
      this.arrivedAt.set(match[1] as string, now);
      taken = match.index + match[0].length;
    }
    // An entry may be cut in two by the network.
    this.#rest = this.#rest.slice(Math.max(taken, this.#rest.length - 64));
  }
}
