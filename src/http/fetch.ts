// Between WHATWG Request and Response and the plain shapes of exchange.ts. Owns the bounds of reading a body from a
// stream; knows no route.

import type { Incoming, Outgoing, Peer, StreamedBody } from "./exchange.ts";
import { BodyTooLarge, drainBytesMax, isStreamed, RequestAborted } from "./exchange.ts";

const noBody = new Uint8Array(0);

/** A request as the handler sees it. */
export function incomingFrom(request: Request, peer: Peer): Incoming {
  const { path, query } = targetOf(request.url);
  return {
    method: request.method,
    path,
    query,
    header: (name) => request.headers.get(name) ?? undefined,
    readBody: (bytesMax) => readStream(request.body, bytesMax),
    peer,
  };
}

/** An answer as the platform sends it. A HEAD request gets the headers only. */
export function responseFrom(outgoing: Outgoing, method: string): Response {
  const headers = new Headers();
  for (let index = 0; index + 1 < outgoing.headers.length; index += 2) {
    headers.append(outgoing.headers[index] as string, outgoing.headers[index + 1] as string);
  }
  if (method === "HEAD" && isStreamed(outgoing.body)) outgoing.body.end();
  const body = method === "HEAD" ? undefined : outgoing.body;
  const init = isStreamed(body) ? readableFrom(body) : ((body ?? null) as BodyInit | null);
  return new Response(init, { status: outgoing.status, headers });
}

/** Asks for a piece only when the reader wants one. */
function readableFrom(body: StreamedBody): ReadableStream<Uint8Array> {
  const source: UnderlyingDefaultSource<Uint8Array> = {
    start: (controller) => {
      body.onStall = () => controller.error(new Error("the reader took nothing for too long"));
    },
    pull: async (controller) => {
      const piece = await body.next();
      if (piece === undefined) controller.close();
      else controller.enqueue(piece);
    },
    cancel: () => body.end(),
  };
  return new ReadableStream(source, { highWaterMark: 0 });
}

/** Path and query of a URL, as they were sent. */
export function targetOf(url: string): { readonly path: string; readonly query: string } {
  const scheme = url.indexOf("://");
  const slash = scheme === -1 ? 0 : url.indexOf("/", scheme + 3);
  const target = slash === -1 ? "/" : url.slice(slash);
  const end = target.indexOf("#");
  const bare = end === -1 ? target : target.slice(0, end);
  const mark = bare.indexOf("?");
  return mark === -1 ? { path: bare, query: "" } : { path: bare.slice(0, mark), query: bare.slice(mark + 1) };
}

async function readStream(stream: ReadableStream<Uint8Array> | null, bytesMax: number): Promise<Uint8Array> {
  if (stream === null) return noBody;
  const reader = stream.getReader();
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) break;
      bytes += value.length;
      if (bytes > drainBytesMax) break;
      if (bytes <= bytesMax) chunks.push(value);
    }
  } catch {
    throw new RequestAborted();
  }
  if (bytes > bytesMax) {
    await reader.cancel().catch(() => undefined);
    throw new BodyTooLarge();
  }
  return chunks.length === 1 ? (chunks[0] as Uint8Array) : Buffer.concat(chunks);
}
