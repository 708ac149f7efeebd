// A proxy between client and server that does what networks do: loses answers after the server acted, delays them,
// answers in the server's place. Records what came by. A test sets `fault`; without one everything passes.

import type { ServerResponse } from "node:http";
import { type Answer, forward, type Passed, startProxy } from "../../sim/proxy.ts";

/** What happens to one request. */
export type Fault =
  /** The server acts, the answer is lost. */
  | "lose the answer"
  /** It never reaches the server. */
  | "lose the request"
  /** The server acts, the answer never comes. */
  | "hang"
  /** The server acts; its answer waits for this promise. */
  | Promise<void>
  /** Somebody else answers. */
  | { readonly status: number; readonly headers?: Record<string, string>; readonly body?: string };

/** A running proxy. */
export interface FaultyProxy {
  readonly origin: string;
  readonly passed: Passed[];
  /** Asked for each request, after it was recorded. */
  fault: (passed: Passed) => Fault | undefined;
  /** The requests to this path. */
  to(path: string): Passed[];
  close(): Promise<void>;
}

/** Starts a proxy to `target`. */
export async function faultyProxy(target: string): Promise<FaultyProxy> {
  const server = new URL(target);
  const { origin, close } = await startProxy((passed, outgoing) => {
    proxy.passed.push(passed);
    return passOn(passed, proxy.fault(passed), server, outgoing);
  });
  const proxy: FaultyProxy = {
    origin,
    passed: [],
    fault: () => undefined,
    to: (path) => proxy.passed.filter((each) => each.path === path),
    close,
  };
  return proxy;
}

/** Lets one request meet its fault on the way to `server`; `onAnswer` hears what the server answered, lost or not. */
export async function passOn(
  passed: Passed,
  fault: Fault | undefined,
  server: URL,
  outgoing: ServerResponse,
  onAnswer: (answer: Answer) => void = () => undefined,
): Promise<void> {
  if (fault === "lose the request") return void outgoing.destroy();
  if (typeof fault === "object" && "status" in fault) {
    outgoing.writeHead(fault.status, fault.headers);
    outgoing.end(fault.body);
    return;
  }
  const answer = await forward(passed, server);
  onAnswer(answer);
  if (fault === "lose the answer") return void outgoing.destroy();
  if (fault === "hang") return;
  await fault;
  outgoing.writeHead(answer.status, answer.headers);
  outgoing.end(answer.body);
}
