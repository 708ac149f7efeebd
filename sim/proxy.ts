// The bare proxy under every faulty network: takes whole requests on loopback, hands them to a handler, forwards them.
// Owns no fault: what happens to a request is its handler's business (sim/torture/network.ts, the client's tests).

import { createServer, type IncomingMessage, request, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

/** A request that came by. */
export interface Passed {
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingMessage["headers"];
  readonly body: string;
}

/** A whole answer of the server. */
export interface Answer {
  readonly status: number;
  readonly headers: IncomingMessage["headers"];
  readonly body: Buffer;
}

/** A running proxy. */
export interface Proxy {
  readonly origin: string;
  close(): Promise<void>;
}

/** A listener that collects whole requests for `handle`; a handler that fails loses its connection. */
export function wholeRequests(
  handle: (passed: Passed, outgoing: ServerResponse) => Promise<void>,
): (incoming: IncomingMessage, outgoing: ServerResponse) => void {
  return (incoming, outgoing) => {
    const chunks: Buffer[] = [];
    incoming.on("error", () => outgoing.destroy());
    incoming.on("data", (chunk: Buffer) => chunks.push(chunk));
    incoming.on("end", () => {
      const { method = "GET", url = "/", headers } = incoming;
      const passed = { method, path: url, headers, body: Buffer.concat(chunks).toString() };
      handle(passed, outgoing).catch(() => outgoing.destroy());
    });
  };
}

/** Longer than any pause of a test: a connection closed for idling at the instant it is used again is a fault nobody asked for. */
const keepAliveMilliseconds = 600_000;

/** Starts a proxy on a free loopback port. */
export async function startProxy(handle: (passed: Passed, outgoing: ServerResponse) => Promise<void>): Promise<Proxy> {
  const server = createServer({ keepAliveTimeout: keepAliveMilliseconds }, wholeRequests(handle));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/**
 * Sends `passed` to `server` on a connection of its own and resolves the whole answer.
 * @param name the `Host` it is sent with; default: that of the server
 */
export function forward(passed: Passed, server: URL, signal?: AbortSignal, name?: string): Promise<Answer> {
  const { port } = server;
  const host = server.hostname === "[::1]" ? "::1" : "127.0.0.1";
  const headers = { ...passed.headers, host: name ?? `localhost:${port}` };
  const options = { host, port, method: passed.method, path: passed.path, headers, agent: false };
  return new Promise((resolve, reject) => {
    const sent = request(signal === undefined ? options : { ...options, signal });
    sent.on("error", reject);
    sent.on("response", (incoming) => {
      const chunks: Buffer[] = [];
      incoming.on("error", reject);
      incoming.on("data", (chunk: Buffer) => chunks.push(chunk));
      incoming.on("end", () => {
        resolve({ status: incoming.statusCode ?? 0, headers: incoming.headers, body: Buffer.concat(chunks) });
      });
    });
    sent.end(passed.body);
  });
}
