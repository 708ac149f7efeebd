// A proxy between client and server that does what networks do: loses answers after the server acted, delays them,
// answers in the server's place. Records what came by. A test sets `fault`; without one everything passes.

import { createServer, type IncomingMessage, request, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

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

/** A request that came by. */
export interface Passed {
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingMessage["headers"];
  readonly body: string;
}

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
  const { port } = new URL(target);
  const server = createServer((incoming, outgoing) => {
    const chunks: Buffer[] = [];
    incoming.on("data", (chunk: Buffer) => chunks.push(chunk));
    incoming.on("end", () => {
      const { method = "GET", url = "/", headers } = incoming;
      const passed = { method, path: url, headers, body: Buffer.concat(chunks).toString() };
      proxy.passed.push(passed);
      handle(passed, proxy.fault(passed), Number(port), outgoing).catch(() => outgoing.destroy());
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const proxy: FaultyProxy = {
    origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    passed: [],
    fault: () => undefined,
    to: (path) => proxy.passed.filter((each) => each.path === path),
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
  return proxy;
}

async function handle(passed: Passed, fault: Fault | undefined, port: number, outgoing: ServerResponse): Promise<void> {
  if (fault === "lose the request") return void outgoing.destroy();
  if (typeof fault === "object" && "status" in fault) {
    outgoing.writeHead(fault.status, fault.headers);
    outgoing.end(fault.body);
    return;
  }
  const answer = await forward(passed, port);
  if (fault === "lose the answer") return void outgoing.destroy();
  if (fault === "hang") return;
  await fault;
  outgoing.writeHead(answer.status, answer.headers);
  outgoing.end(answer.body);
}

interface Answer {
  readonly status: number;
  readonly headers: IncomingMessage["headers"];
  readonly body: Buffer;
}

function forward(passed: Passed, port: number): Promise<Answer> {
  const headers = { ...passed.headers, host: `localhost:${port}` };
  return new Promise((resolve, reject) => {
    const sent = request({ host: "127.0.0.1", port, method: passed.method, path: passed.path, headers, agent: false });
    sent.on("error", reject);
    sent.on("response", (incoming) => {
      const chunks: Buffer[] = [];
      incoming.on("data", (chunk: Buffer) => chunks.push(chunk));
      incoming.on("end", () => {
        resolve({ status: incoming.statusCode ?? 0, headers: incoming.headers, body: Buffer.concat(chunks) });
      });
    });
    sent.end(passed.body);
  });
}
