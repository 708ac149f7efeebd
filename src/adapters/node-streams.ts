// Answers that go on: bodies in pieces over node:http. A piece is asked for when the socket has taken the last one, a
// connection that closes ends its body, and all of them can be ended at once so that a stopping server does not wait.
// Owns no deadline: whether a reader is too slow is the body's to say.

import type { ServerResponse } from "node:http";
import type { StreamedBody } from "../http/exchange.ts";

/** The streams of one server. */
export interface NodeStreams {
  /** Sends `body`; the head is written already. */
  send(response: ServerResponse, body: StreamedBody): void;
  /** Ends every stream, and every one to come. */
  endAll(): void;
}

/** Creates the set. */
export function createNodeStreams(): NodeStreams {
  const bodies = new Set<StreamedBody>();
  let isEnding = false;
  return {
    send: (response, body) => {
      if (isEnding) body.end();
      bodies.add(body);
      body.onStall = () => response.destroy();
      pump(response, body)
        .catch(() => response.destroy())
        .finally(() => {
          bodies.delete(body);
        });
    },
    endAll: () => {
      isEnding = true;
      for (const body of bodies) body.end();
    },
  };
}

async function pump(response: ServerResponse, body: StreamedBody): Promise<void> {
  let goOn = (): void => {};
  response.on("drain", () => goOn());
  response.on("close", () => {
    body.end();
    goOn();
  });
  // It may have closed while the answer was being made.
  if (response.destroyed) body.end();
  for (;;) {
    const piece = await body.next();
    if (response.destroyed) return;
    if (piece === undefined) break;
    if (response.write(piece)) continue;
    await new Promise<void>((resolve) => {
      goOn = resolve;
    });
  }
  response.end();
}
