// Serves a handler over node:http without building WHATWG objects: the refresh path is hot. `nodeListener` fits into any
// node:http server; `serveNode` is a whole server with bounds on time and size, and a close that finishes what is in
// flight. Owns answers, sockets and deadlines; no route, no rule.

import type { IncomingMessage, Server, ServerResponse } from "node:http";
import type { Socket } from "node:net";
import { PawlError } from "../core/errors.ts";
import type { Scheduler } from "../core/ports.ts";
import type { Outgoing, StreamedBody } from "../http/exchange.ts";
import { isStreamed } from "../http/exchange.ts";
import type { Handler } from "../http/handler.ts";
import { problem } from "../http/problem.ts";
import type { Entry, InFlight } from "./node-in-flight.ts";
import { createInFlight } from "./node-in-flight.ts";
import { NodeIncoming } from "./node-incoming.ts";
import { listen } from "./node-listen.ts";
import type { NodeStreams } from "./node-streams.ts";
import { createNodeStreams } from "./node-streams.ts";

// Not imported: an ES import of node:http reads every export, and some of those load a whole WebSocket and fetch stack
// (14 MB and a fifth of the start, measured by bench/startup.ts).
const { createServer } = process.getBuiltinModule("node:http");

/** Bytes of a request's line and headers; more is 431. */
export const headerBytesMax = 16_384;
/** Open connections of {@link serveNode}; more are refused by the system's queue. */
export const connectionsMaxDefault = 10_000;
/** Idle connections outlive the usual 60 seconds of load balancers, so that those close first and lose no answer. */
const keepAliveMilliseconds = 65_000;
/** How long `close` waits for what is in flight. */
const closeMillisecondsMax = 10_000;
const closePollMilliseconds = 25;

/** A listener for node:http. */
export type NodeListener = (request: IncomingMessage, response: ServerResponse) => void;

/**
 * Makes a listener that answers every request with `handler`. A request older than grace loses its connection: a later
 * answer could overwrite a newer token in the client's jar (CONTRACT section 4). Mount it before any body parser.
 * Streams of the revocation feed end with `sessions.close()`: a server that waits for its connections waits for them.
 * @example
 * createServer(nodeListener(createHandler({ sessions }))).listen(3000);
 */
export function nodeListener(handler: Handler): NodeListener {
  const { platform, policy } = handler.sessions;
  const graceMilliseconds = policy.graceSeconds * 1000;
  const inFlight = createInFlight(platform, sweepMillisecondsOf(graceMilliseconds), (entry) => refuse(handler, entry));
  const cut = graceMilliseconds * (1 - checkShare);
  const milliseconds = { work: cut * (workShare / cutShare), cut };
  const serve = createServe(handler, inFlight, createNodeStreams(), milliseconds, () => false);
  // Frameworks pass more arguments; they are not ours.
  return (request, response) => serve(request, response, false);
}

/** Options of {@link serveNode}. */
export interface ServeOptions {
  /** An address or a name. Default `localhost`: both loopback families. */
  readonly host?: string | undefined;
  /** 0 to 65,535. Default 0: any free one. */
  readonly port?: number | undefined;
  /** Default 10,000. */
  readonly connectionsMax?: number | undefined;
}

/** A running server. */
export interface Serving {
  readonly port: number;
  /** Stops accepting, ends streams, finishes what is in flight (at most 10 s), closes every connection. Idempotent. */
  close(): Promise<void>;
}

/**
 * Serves `handler`. From the first byte of a request to the last of its answer less than the policy's grace passes:
 * 0.3 of it for the headers, 0.5 for headers and body (408 beyond); after the headers 0.5 for body and work (503 beyond)
 * and 0.6 until the answer is out; what is unanswered then loses its connection.
 * A stream goes on until its reader leaves, takes nothing for too long, or the server closes.
 * @param handler the handler, or a function that makes it once the port is known (the default issuer holds the port);
 * requests that arrive before it is made get 503
 * @throws the system's error when the address cannot be bound (`EADDRINUSE`, …).
 */
export async function serveNode(
  handler: Handler | ((port: number) => Handler | Promise<Handler>),
  options: ServeOptions = {},
): Promise<Serving> {
  const streams = createNodeStreams();
  const state: State = { serve: answerNotReady, inFlight: undefined, streams, closing: false };
  const checkMilliseconds =
    typeof handler === "function" ? checkMillisecondsUnknown : sweepMillisecondsOf(graceMillisecondsOf(handler));
  const create = (): Server =>
    createBareServer(state, checkMilliseconds, options.connectionsMax ?? connectionsMaxDefault);
  const { port, servers } = await listen(create, options.host ?? "localhost", options.port ?? 0);
  try {
    const made = typeof handler === "function" ? await handler(port) : handler;
    start(state, servers, made);
    let closed: Promise<void> | undefined;
    return {
      port,
      close: () => {
        state.closing = true;
        streams.endAll();
        closed ??= closeAll(servers, made.sessions.platform.scheduler);
        return closed;
      },
    };
  } catch (error) {
    for (const server of servers) {
      server.close();
      server.closeAllConnections();
    }
    throw error;
  }
}

type Serve = (request: IncomingMessage, response: ServerResponse, waitsForContinue: boolean) => void;

interface State {
  serve: Serve;
  inFlight: InFlight | undefined;
  readonly streams: NodeStreams;
  closing: boolean;
}

/** Time bounds as parts of grace: headers and answer, a check interval late each, stay below it; 408 comes first. */
const headersShare = 0.3;
const requestShare = 0.5;
/** The work may commit until here; a refusal that says so still gets out before the connection is cut. */
const workShare = 0.5;
const cutShare = 0.6;
const checkShare = 0.05;
const checkMillisecondsMax = 500;
/** When grace is not known yet; small enough for the smallest grace. */
const checkMillisecondsUnknown = 100;

function graceMillisecondsOf(handler: Handler): number {
  return handler.sessions.policy.graceSeconds * 1000;
}

function sweepMillisecondsOf(graceMilliseconds: number): number {
  return Math.min(graceMilliseconds * checkShare, checkMillisecondsMax);
}

function createBareServer(state: State, connectionsCheckingInterval: number, connectionsMax: number): Server {
  const server = createServer({ maxHeaderSize: headerBytesMax, connectionsCheckingInterval, keepAlive: true });
  server.on("request", (request, response) => state.serve(request, response, false));
  // Without this node:http sends "100 Continue" before anybody looked at the request.
  server.on("checkContinue", (request, response) => state.serve(request, response, true));
  server.on("clientError", (error, socket) => answerBroken(error, socket as Socket, state.inFlight));
  // Headers are bounded in bytes; a bound in number would drop the rest silently, which is worse than reading them.
  server.maxHeadersCount = 0;
  server.maxConnections = connectionsMax;
  server.keepAliveTimeout = keepAliveMilliseconds;
  return server;
}

function start(state: State, servers: readonly Server[], handler: Handler): void {
  const graceMilliseconds = graceMillisecondsOf(handler);
  for (const server of servers) {
    server.headersTimeout = graceMilliseconds * headersShare;
    server.requestTimeout = graceMilliseconds * requestShare;
  }
  const { platform } = handler.sessions;
  state.inFlight = createInFlight(platform, sweepMillisecondsOf(graceMilliseconds), (entry) => {
    if (state.closing) entry.response.shouldKeepAlive = false;
    refuse(handler, entry);
  });
  state.serve = createServe(
    handler,
    state.inFlight,
    state.streams,
    { work: graceMilliseconds * workShare, cut: graceMilliseconds * cutShare },
    () => state.closing,
  );
}

function answerNotReady(_request: IncomingMessage, response: ServerResponse): void {
  response.shouldKeepAlive = false;
  const error = new PawlError("store_unavailable", "Starting; retry.");
  const answer = problem(error, ["content-type", "application/problem+json", "cache-control", "no-store"]);
  send(response, "GET", answer, answer.body);
}

/** The way from a request to its answer. */
function createServe(
  handler: Handler,
  inFlight: InFlight,
  streams: NodeStreams,
  milliseconds: { readonly work: number; readonly cut: number },
  isClosing: () => boolean,
): Serve {
  const { clock } = handler.sessions.platform;
  const answer = async (entry: Entry, incoming: NodeIncoming, outgoing: Outgoing): Promise<void> => {
    const { request, response } = entry;
    if (entry.refused) return drop(outgoing);
    if (incoming.hasUnreadBody && !(await incoming.drain())) response.shouldKeepAlive = false;
    if (entry.refused) return drop(outgoing);
    const { body } = outgoing;
    const isGone = entry.abandoned || request.socket.destroyed;
    if (isGone || clock.now() >= entry.deadlineAt) {
      drop(outgoing);
      return isGone ? inFlight.remove(entry) : abandon(entry, inFlight);
    }
    if (isClosing()) response.shouldKeepAlive = false;
    if (isStreamed(body)) {
      inFlight.remove(entry);
      response.writeHead(outgoing.status, outgoing.headers);
      if (incoming.method === "HEAD") body.end();
      return streams.send(response, body);
    }
    send(response, incoming.method, outgoing, body);
    // What the system has taken is done; what waits (a slow reader, a pipelined answer) stays under its deadline.
    if (response.socket === request.socket && request.socket.writableLength === 0) inFlight.remove(entry);
  };
  return (request, response, waitsForContinue) => {
    const now = clock.now();
    const refuseAt = now + milliseconds.work;
    const deadlineAt = now + milliseconds.cut;
    const incoming = new NodeIncoming(request, response, refuseAt, waitsForContinue);
    const entry: Entry = { request, response, incoming, refuseAt, deadlineAt, refused: false, abandoned: false };
    inFlight.add(entry);
    handler
      .exchange(incoming)
      .then((outgoing) => answer(entry, incoming, outgoing))
      .catch(() => abandon(entry, inFlight));
  };
}

/** Nobody waits for this answer any more. */
function drop({ body }: Outgoing): void {
  if (isStreamed(body)) body.end();
}

/** The store says nothing: the client learns that it should come back, while its request is still alive. */
function refuse(handler: Handler, entry: Entry): void {
  entry.refused = true;
  try {
    const outgoing = handler.tooLate(entry.incoming);
    send(entry.response, entry.incoming.method, outgoing, outgoing.body as WholeBody);
  } catch {
    // Nobody may be left without an answer and without an end.
    entry.request.socket.destroy();
  }
}

function abandon(entry: Entry, inFlight: InFlight): void {
  entry.abandoned = true;
  inFlight.remove(entry);
  entry.request.socket.destroy();
}

type WholeBody = Exclude<Outgoing["body"], StreamedBody>;

function send(response: ServerResponse, method: string, { status, headers }: Outgoing, body: WholeBody): void {
  if (body !== undefined) {
    const bytes = typeof body === "string" ? Buffer.byteLength(body) : body.length;
    headers.push("content-length", String(bytes));
  } else if (status !== 204 && status !== 304) headers.push("content-length", "0");
  response.writeHead(status, headers);
  if (body === undefined || method === "HEAD") response.end();
  else response.end(body);
}

/** A request that node:http could not read: a bare status, nothing about why. */
function answerBroken(error: NodeJS.ErrnoException, socket: Socket, inFlight: InFlight | undefined): void {
  const waiting = inFlight?.of(socket) ?? [];
  // The next answer on this connection belongs to a request that was good: a bare error would be taken for it.
  const ambiguous = waiting.length > 1 || waiting.some((entry) => entry.request.complete);
  for (const entry of waiting) {
    entry.abandoned = true;
    inFlight?.remove(entry);
  }
  if (ambiguous || !socket.writable || error.code === "ECONNRESET" || error.code === "EPIPE") {
    if (inFlight === undefined || inFlight.linger(socket)) socket.destroy();
    return;
  }
  socket.end(`HTTP/1.1 ${brokenStatus(error.code)}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`);
  // Closed a little later: data that is still arriving would make the system drop the answer.
  if (inFlight === undefined) socket.destroySoon();
  else inFlight.linger(socket);
}

function brokenStatus(code: string | undefined): string {
  switch (code) {
    case "HPE_HEADER_OVERFLOW":
      return "431 Request Header Fields Too Large";
    case "ERR_HTTP_REQUEST_TIMEOUT":
      return "408 Request Timeout";
    case "HPE_CHUNK_EXTENSIONS_OVERFLOW":
      return "413 Payload Too Large";
    default:
      return "400 Bad Request";
  }
}

/** Stops accepting and waits; connections that fall idle are closed as they do. */
async function closeAll(servers: readonly Server[], scheduler: Scheduler): Promise<void> {
  let waitedMilliseconds = 0;
  const stop = scheduler.every(closePollMilliseconds, () => {
    waitedMilliseconds += closePollMilliseconds;
    for (const server of servers) {
      if (waitedMilliseconds < closeMillisecondsMax) server.closeIdleConnections();
      else server.closeAllConnections();
    }
  });
  await Promise.all(
    servers.map(
      (server) =>
        new Promise<void>((resolve) => {
          server.close(() => resolve());
        }),
    ),
  );
  stop();
}
