// A node:http request as the HTTP layer sees it: headers without silent loss, a bounded body, a bounded drain of what
// is refused. Owns reading from the socket; no timers, no route.

import type { IncomingMessage, ServerResponse } from "node:http";
import type { Incoming, Peer } from "../http/exchange.ts";
import { BodyTooLarge, drainBytesMax, RequestAborted } from "../http/exchange.ts";
import { targetOf } from "../http/fetch.ts";

const noBody = new Uint8Array(0);

/** Of these node:http keeps the first and drops the rest; a second one must be seen to be refused. */
const firstOnly = new Set(["authorization", "content-type", "host"]);

/** One request. */
export class NodeIncoming implements Incoming {
  readonly method: string;
  readonly path: string;
  readonly query: string;
  readonly peer: Peer;
  readonly #request: IncomingMessage;
  readonly #response: ServerResponse;
  /** The client sends its body only after "100 Continue". */
  #waitsForContinue: boolean;
  #taken = false;

  constructor(request: IncomingMessage, response: ServerResponse, deadlineAt: number, waitsForContinue: boolean) {
    const url = request.url ?? "/";
    this.method = request.method ?? "GET";
    const mark = url.indexOf("?");
    if (url.charCodeAt(0) === slash && url.indexOf("#") === -1) {
      this.path = mark === -1 ? url : url.slice(0, mark);
      this.query = mark === -1 ? "" : url.slice(mark + 1);
    } else {
      // RFC 9112 section 3.2.2: a server must accept the absolute form too.
      const target = targetOf(url);
      this.path = target.path;
      this.query = target.query;
    }
    const address = request.socket.remoteAddress;
    this.peer = address === undefined ? { deadlineAt } : { address, deadlineAt };
    this.#request = request;
    this.#response = response;
    this.#waitsForContinue = waitsForContinue;
  }

  header(name: string): string | undefined {
    const value = this.#request.headers[name];
    if (value === undefined) return undefined;
    if (firstOnly.has(name)) return joinedHeader(this.#request.rawHeaders, name);
    return typeof value === "string" ? value : value.join(", ");
  }

  /** True while body bytes may still be on the wire. */
  get hasUnreadBody(): boolean {
    return hasBody(this.#request) && !this.#request.complete;
  }

  async readBody(bytesMax: number): Promise<Uint8Array> {
    this.#taken = true;
    if (!hasBody(this.#request)) return noBody;
    if (this.#request.readableEnded) throw new Error("The body was read before: mount Pawl before body parsers.");
    if (this.#waitsForContinue) {
      // The client asks before it sends: what is too long is refused without a byte of it.
      if (Number(this.#request.headers["content-length"] ?? 0) > bytesMax) throw new BodyTooLarge();
      this.#waitsForContinue = false;
      this.#response.writeContinue();
    }
    const chunks = await collect(this.#request, bytesMax);
    return chunks.length === 1 ? (chunks[0] as Uint8Array) : Buffer.concat(chunks);
  }

  /** Reads and drops the rest of the body, at most {@link drainBytesMax}. Resolves false when there was more. */
  async drain(): Promise<boolean> {
    if (!this.hasUnreadBody) return true;
    // After a refused read the bound is used up already, and a client that waits for 100 has sent nothing.
    if (this.#taken || this.#waitsForContinue) return false;
    return await collect(this.#request, 0).then(
      () => true,
      () => this.#request.complete,
    );
  }
}

const slash = 47;

function hasBody(request: IncomingMessage): boolean {
  const { headers } = request;
  return headers["transfer-encoding"] !== undefined || (headers["content-length"] ?? "0") !== "0";
}

function joinedHeader(rawHeaders: readonly string[], name: string): string {
  const values: string[] = [];
  for (let index = 0; index + 1 < rawHeaders.length; index += 2) {
    const candidate = rawHeaders[index] as string;
    if (candidate.length === name.length && candidate.toLowerCase() === name) {
      values.push(rawHeaders[index + 1] as string);
    }
  }
  return values.join(", ");
}

/** The chunks of a body of at most `bytesMax`; of a longer one the rest is dropped up to the drain bound. */
function collect(request: IncomingMessage, bytesMax: number): Promise<Uint8Array[]> {
  return new Promise((resolve, reject) => {
    let chunks: Uint8Array[] = [];
    let bytes = 0;
    let isOver = false;
    // Listeners stay: taking them off again costs more than the request's end does. Without one for errors node:http
    // reports a lost connection by closing alone.
    request.on("data", (chunk: Uint8Array) => {
      if (isOver) return;
      bytes += chunk.length;
      if (bytes <= bytesMax) {
        chunks.push(chunk);
        return;
      }
      chunks = [];
      if (bytes <= drainBytesMax) return;
      isOver = true;
      request.pause();
      reject(new BodyTooLarge());
    });
    request.on("end", () => {
      isOver = true;
      if (bytes > bytesMax) reject(new BodyTooLarge());
      else resolve(chunks);
    });
    request.on("close", () => {
      if (!isOver) reject(new RequestAborted());
    });
  });
}
