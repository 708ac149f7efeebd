// The requests that are in flight, with the instants at which each is refused and loses its connection. One sweep timer for
// all of them, only while there are any: a timer per request would cost more than the request. Owns deadlines; writes no
// answer.

import type { IncomingMessage, ServerResponse } from "node:http";
import type { Socket } from "node:net";
import type { Platform } from "../core/ports.ts";
import type { NodeIncoming } from "./node-incoming.ts";

/** One request in flight. */
export interface Entry {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly incoming: NodeIncoming;
  /** When it is refused if nothing has answered it by then. Milliseconds. */
  readonly refuseAt: number;
  /** When it loses its connection. Milliseconds. */
  readonly deadlineAt: number;
  /** True once it was answered by a refusal: the answer that still comes is dropped. */
  refused: boolean;
  /** True once its connection was given up: nothing may be written any more. */
  abandoned: boolean;
}

/** How long a connection that got a bare error is kept, so that the other side can read it. */
const lingerMilliseconds = 1000;

/** The set of them. */
export interface InFlight {
  add(entry: Entry): void;
  remove(entry: Entry): void;
  /** The entries of one connection (several when it pipelines). */
  of(socket: Socket): Entry[];
  /** Closes `socket` for good a little later. Returns false when that is on its way already. */
  linger(socket: Socket): boolean;
}

/**
 * Creates the set; deadlines are looked at every `sweepMilliseconds`.
 * @param refuse answers an entry that has no answer yet
 */
export function createInFlight(
  platform: Platform,
  sweepMilliseconds: number,
  refuse: (entry: Entry) => void,
): InFlight {
  const { clock, scheduler } = platform;
  const entries = new Set<Entry>();
  const lingering = new Map<Socket, number>();
  let stop: (() => void) | undefined;

  const sweep = (): void => {
    const now = clock.now();
    for (const entry of entries) {
      const { request, response, deadlineAt } = entry;
      const over = response.writableFinished || request.socket.destroyed;
      if (!over && now < deadlineAt) {
        // While its body is still coming node:http has a time limit of its own.
        if (now >= entry.refuseAt && !entry.refused && !response.headersSent && request.complete) refuse(entry);
        continue;
      }
      entries.delete(entry);
      if (over) continue;
      entry.abandoned = true;
      request.socket.destroy();
    }
    for (const [socket, until] of lingering) {
      if (!socket.destroyed && now < until) continue;
      socket.destroy();
      lingering.delete(socket);
    }
    if (entries.size > 0 || lingering.size > 0) return;
    stop?.();
    stop = undefined;
  };
  const watch = (): void => {
    stop ??= scheduler.every(sweepMilliseconds, sweep);
  };

  return {
    add: (entry) => {
      entries.add(entry);
      watch();
    },
    remove: (entry) => {
      entries.delete(entry);
    },
    of: (socket) => [...entries].filter((entry) => entry.request.socket === socket),
    linger: (socket) => {
      if (lingering.has(socket)) return false;
      lingering.set(socket, clock.now() + lingerMilliseconds);
      watch();
      return true;
    },
  };
}
