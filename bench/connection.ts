// One keep-alive HTTP/1.1 connection over a raw socket with just enough parsing for the answers of the contestants
// (Content-Length or chunked), so that the load generator needs less CPU than what it measures. One request at a time.
// It trusts its peer: loopback servers that this benchmark started.

import type { Socket } from "node:net";
import { connect } from "node:net";

/** An answer: status and body as latin1 text. */
export interface Answer {
  readonly status: number;
  readonly body: string;
}

const chunkedEnd = "0\r\n\r\n";
const lengthName = /\r\ncontent-length: *(\d+)/i;
const chunkedName = /\r\ntransfer-encoding: *chunked/i;

/** The body of a chunked message (RFC 9112 section 7.1), or `undefined` while it is incomplete. */
function dechunk(text: string): string | undefined {
  if (!text.endsWith(chunkedEnd)) return undefined;
  let body = "";
  let at = 0;
  for (;;) {
    const lineEnd = text.indexOf("\r\n", at);
    const length = Number.parseInt(text.slice(at, lineEnd), 16);
    if (length === 0) return body;
    body += text.slice(lineEnd + 2, lineEnd + 2 + length);
    at = lineEnd + 2 + length + 2;
  }
}

/** Takes an answer apart, or `undefined` while bytes are missing. */
function parse(received: string): Answer | undefined {
  const headEnd = received.indexOf("\r\n\r\n");
  if (headEnd < 0) return undefined;
  const head = received.slice(0, headEnd);
  const rest = received.slice(headEnd + 4);
  const status = Number(head.slice(9, 12));
  // RFC 9110 section 15.3.5: it has no body, and no length either.
  if (status === 204) return { status, body: "" };
  const length = lengthName.exec(head)?.[1];
  if (length !== undefined) return rest.length < Number(length) ? undefined : { status, body: rest };
  if (!chunkedName.test(head)) throw new Error(`an answer without a length: ${head.slice(0, 15)}`);
  const body = dechunk(rest);
  return body === undefined ? undefined : { status, body };
}

/** A connection; `ask` sends one whole request and calls `onAnswer` once. */
export class Connection {
  readonly #socket: Socket;
  readonly #onAnswer: (answer: Answer) => void;
  #received = "";

  constructor(port: number, onAnswer: (answer: Answer) => void, onFailure: (why: string) => void) {
    this.#onAnswer = onAnswer;
    this.#socket = connect({ port, host: "127.0.0.1", noDelay: true });
    this.#socket.setEncoding("latin1");
    this.#socket.on("data", (chunk) => this.#receive(chunk as unknown as string));
    this.#socket.on("error", (error) => onFailure(error.message));
    this.#socket.on("close", () => onFailure("the server closed a connection"));
  }

  ask(request: string): void {
    this.#socket.write(request, "latin1");
  }

  /** Closes without reporting a failure. */
  end(): void {
    this.#socket.removeAllListeners("close");
    this.#socket.destroy();
  }

  #receive(chunk: string): void {
    this.#received += chunk;
    const answer = parse(this.#received);
    if (answer === undefined) return;
    this.#received = "";
    this.#onAnswer(answer);
  }
}
