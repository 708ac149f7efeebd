// Connections that outlive a request, WebSockets and event streams: checked when they open, ended when their session ends or
// their token expires without being renewed (ASVS 4.4.2 to 4.4.4). Knows no protocol: it calls whoever can close.

import { PawlError } from "../core/errors.ts";
import type { Access, Standing, Verifier } from "./create-verifier.ts";
import { startTimer } from "./platform.ts";

/** Why a connection has to be closed: the name says it, the number is a close code of WebSockets (RFC 6455 section 7.4.2). */
export type EndReason =
  | { readonly reason: "revoked"; readonly closeCode: 4001 }
  | { readonly reason: "expired"; readonly closeCode: 4002 }
  | { readonly reason: "outdated"; readonly closeCode: 4003 }
  | { readonly reason: "unknown"; readonly closeCode: 1013 };

/** By what the verifier says: the session is over; its claims changed, come back with a fresh token; nothing is known, try later. */
const endOf: Readonly<Record<Exclude<Standing, "good">, EndReason>> = {
  revoked: { reason: "revoked", closeCode: 4001 },
  outdated: { reason: "outdated", closeCode: 4003 },
  unknown: { reason: "unknown", closeCode: 1013 },
};

/** Options of {@link holdOpen}. */
export interface HoldOptions {
  /** Called once, when the connection has to be closed; what it throws is ignored. Not called after `stop`. */
  readonly onEnd: (why: EndReason) => void;
  /** `Origin` of the handshake; with `origins` it must be one of them. A page of anybody can open a WebSocket. */
  readonly origin?: string | undefined;
  readonly origins?: readonly string[] | undefined;
}

/** A connection that is held open. */
export interface HeldOpen {
  /** Of the token that holds it open now. */
  readonly access: Access;
  /**
   * Holds it open with a fresh token of the same session and subject.
   * @throws PawlError as {@link Verifier.verify}; `invalid_token` for a token of another session
   */
  renew(token: string): Promise<void>;
  /** To be called when the connection is closed for another reason. */
  stop(): void;
}

/** The longest that a timer may sleep in every runtime. */
const sleepMillisecondsMax = 2 ** 31 - 1;

/**
 * Checks the token of a handshake and watches it from then on. Revocations are noticed within a second where the verifier follows
 * a stream, and within `pollSeconds` of it where it polls.
 * @throws PawlError `csrf_rejected` for another origin; whatever {@link Verifier.verify} throws
 * @example
 * const held = await holdOpen(verifier, token, { onEnd: ({ closeCode, reason }) => socket.close(closeCode, reason) });
 * socket.on("close", held.stop);
 */
export async function holdOpen(verifier: Verifier, token: string, options: HoldOptions): Promise<HeldOpen> {
  const { onEnd, origin, origins } = options;
  if (origins !== undefined && (origin === undefined || !origins.includes(origin))) {
    throw new PawlError("csrf_rejected", "This page may not open a connection here.");
  }
  let access = await verifier.verify(token);
  let cancel = (): void => {};
  let unwatch = (): void => {};
  let isOver = false;
  const stop = (): void => {
    isOver = true;
    cancel();
    unwatch();
  };
  const end = (why: EndReason): void => {
    if (isOver) return;
    stop();
    try {
      onEnd(why);
    } catch {
      // Most likely the connection was closed already.
    }
  };
  const sleep = (): void => {
    cancel();
    const left = access.exp * 1000 - verifier.now();
    if (left <= 0) end({ reason: "expired", closeCode: 4002 });
    // The connection keeps a process alive, not its end.
    else cancel = startTimer(sleep, Math.min(left, sleepMillisecondsMax), true);
  };
  const check = (): void => {
    const standing = verifier.standing(access);
    if (standing !== "good") end(endOf[standing]);
  };
  unwatch = verifier.onChange(check);
  if (isOver) unwatch();
  sleep();
  // It may have ended between the first check and the watch.
  check();
  return {
    get access() {
      return access;
    },
    async renew(next) {
      const fresh = await verifier.verify(next);
      if (fresh.sid !== access.sid || fresh.sub !== access.sub) {
        throw new PawlError("invalid_token", "The access token is not acceptable: it is of another session.");
      }
      if (isOver) return;
      access = fresh;
      sleep();
      check();
    },
    stop,
  };
}
