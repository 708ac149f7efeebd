// One page of WebKitGTK over its remote inspector (WEBKIT_INSPECTOR_HTTP_SERVER), which speaks JSON on a WebSocket.
// A page is a row of targets: a navigation to another site starts a new process and with it a new target, and commands
// go to the current one. Owns that bookkeeping; knows no page and no browser.

import { once } from "node:events";
import { within } from "./deadline.ts";

/** A result as the protocol words it. */
export type InspectorResult = Readonly<Record<string, unknown>>;

/** A connection to one page. */
export interface Inspector {
  /** Sends a command to the page's current target; rejects when the target goes away before it has answered. */
  send(method: string, parameters?: Readonly<Record<string, unknown>>): Promise<InspectorResult>;
  close(): void;
}

interface Pending {
  readonly target: string;
  resolve(result: InspectorResult): void;
  reject(error: Error): void;
}

interface Message {
  readonly id?: number;
  readonly method?: string;
  readonly params?: {
    readonly message?: string;
    readonly targetId?: string;
    readonly oldTargetId?: string;
    readonly newTargetId?: string;
    readonly targetInfo?: { readonly targetId: string; readonly isProvisional?: boolean };
  };
  readonly result?: InspectorResult;
  readonly error?: { readonly message: string };
}

const connectMillisecondsMax = 10_000;

/** Connects to `address` (ws://…) and waits until the page has a target. */
export async function connectInspector(address: string): Promise<Inspector> {
  const socket = new WebSocket(address);
  const pending = new Map<number, Pending>();
  const ready = Promise.withResolvers<void>();
  let current = "";
  let last = 0;
  const abandon = (target: string | undefined): void => {
    for (const [id, each] of pending) {
      if (target !== undefined && each.target !== target) continue;
      pending.delete(id);
      each.reject(new Error("the page went away"));
    }
  };
  const settle = ({ id, result, error }: Message): void => {
    const waiting = pending.get(id ?? 0);
    pending.delete(id ?? 0);
    if (error !== undefined) waiting?.reject(new Error(error.message));
    else if (waiting !== undefined && result !== undefined) waiting.resolve(result);
  };
  socket.addEventListener("message", ({ data }) => {
    const { method, params = {} } = JSON.parse(String(data)) as Message;
    if (method === "Target.dispatchMessageFromTarget") settle(JSON.parse(params.message ?? "{}") as Message);
    if (method === "Target.targetDestroyed") abandon(params.targetId);
    if (method === "Target.didCommitProvisionalTarget") current = params.newTargetId ?? "";
    if (method === "Target.targetCreated" && params.targetInfo?.isProvisional !== true) {
      current = params.targetInfo?.targetId ?? "";
      ready.resolve();
    }
  });
  socket.addEventListener("close", () => abandon(undefined));
  await within(Promise.all([once(socket, "open"), ready.promise]), connectMillisecondsMax, "the inspector");
  return {
    send(method, parameters = {}) {
      last += 1;
      const id = last;
      const message = JSON.stringify({ id, method, params: parameters });
      const params = { targetId: current, message };
      const { promise, resolve, reject } = Promise.withResolvers<InspectorResult>();
      pending.set(id, { target: current, resolve, reject });
      if (socket.readyState !== WebSocket.OPEN) abandon(undefined);
      // The envelope needs a number of its own; its answer says nothing.
      else socket.send(JSON.stringify({ id, method: "Target.sendMessageToTarget", params }));
      return promise;
    },
    close: () => socket.close(),
  };
}
