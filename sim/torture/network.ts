// The network between clients and server: does to each request what its plan says, in real time, and counts what really
// happened. No request lives longer than a little less than grace from being sent: what would be later is dropped here.
// A server that is still silent then has been starved by the machine; the exchange says so, since no rule covers that.

import type { ServerResponse } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";
import { type Answer, forward, type Passed, startProxy } from "../proxy.ts";
import type { Fault, FaultKind } from "./faults.ts";
import { faultKinds } from "./faults.ts";

/** One request on its way. */
export interface Exchange {
  readonly fault: Fault;
  /** `performance.now()` when its client sent it. */
  readonly sentAt: number;
  /** Requests overtake others of their group: those of one jar. */
  readonly group: Group;
  /** The server had the request and did not end it within grace. */
  onOverdue(): void;
}

/** Tells requests of one jar of each other. */
export class Group {
  readonly #waiting = { request: new Set<() => void>(), answer: new Set<() => void>() };

  /** Resolves true when another request (or answer) passes, false after `milliseconds`. */
  overtaken(what: "request" | "answer", milliseconds: number): Promise<boolean> {
    return new Promise((resolve) => {
      const finish = (result: boolean): void => {
        clearTimeout(timer);
        this.#waiting[what].delete(passed);
        resolve(result);
      };
      const passed = (): void => finish(true);
      const timer = setTimeout(() => finish(false), Math.max(0, milliseconds));
      this.#waiting[what].add(passed);
    });
  }

  passes(what: "request" | "answer"): void {
    for (const tell of [...this.#waiting[what]]) tell();
  }
}

/** The header that leads from a request to its plan; it goes no further than the network. */
export const exchangeHeader = "x-torture-exchange";
/** The part of grace that a request may live; the rest is for the way from the network into the jar. */
const lifetimeShare = 0.93;
/** The server works for at most 0.6 of a grace after it has read the headers; what would begin later goes no further. */
const serverShare = 0.65;
/** Lets the bytes before a reset be read. */
const cutMilliseconds = 15;

export interface Network {
  readonly origin: string;
  /** Faults that really happened. */
  readonly tally: Readonly<Record<FaultKind, number>>;
  /** Registers a request and returns the value of its header. */
  expect(exchange: Exchange): string;
  /** Counts a fault that the sender performs. */
  count(kind: FaultKind): void;
  close(): Promise<void>;
}

/** Starts the network before `server`. */
export async function startNetwork(server: URL, graceMilliseconds: number): Promise<Network> {
  const expected = new Map<string, Exchange>();
  const tally = Object.fromEntries(faultKinds.map((kind) => [kind, 0])) as Record<FaultKind, number>;
  const count = (kind: FaultKind): void => {
    tally[kind] += 1;
  };
  let last = 0;
  const { origin, close } = await startProxy(async (passed, outgoing) => {
    const { [exchangeHeader]: id, ...headers } = passed.headers;
    const exchange = expected.get(String(id));
    if (exchange === undefined) throw new Error("a request that nobody announced");
    expected.delete(String(id));
    await new Passage({ ...passed, headers }, exchange, outgoing, server, graceMilliseconds, count).run();
  });
  return {
    origin,
    tally,
    count,
    expect(exchange) {
      last += 1;
      expected.set(String(last), exchange);
      return String(last);
    },
    close,
  };
}

/** The way of one request through the network. */
class Passage {
  readonly #passed: Passed;
  readonly #exchange: Exchange;
  readonly #outgoing: ServerResponse;
  readonly #server: URL;
  readonly #grace: number;
  readonly #count: (kind: FaultKind) => void;

  constructor(
    passed: Passed,
    exchange: Exchange,
    outgoing: ServerResponse,
    server: URL,
    grace: number,
    count: (kind: FaultKind) => void,
  ) {
    this.#passed = passed;
    this.#exchange = exchange;
    this.#outgoing = outgoing;
    this.#server = server;
    this.#grace = grace;
    this.#count = count;
  }

  async run(): Promise<void> {
    const { fault, group } = this.#exchange;
    if (fault.kind === "drop before") return this.#lose("drop before");
    await sleep(fault.requestDelay * this.#grace);
    const holdsRequest = fault.kind === "reorder" && fault.form < 0.5;
    const wasOvertaken =
      holdsRequest && (await group.overtaken("request", this.#remaining() - serverShare * this.#grace - 5));
    if (this.#remaining() < serverShare * this.#grace) return this.#lose("drop before");
    const answer = await this.#ask();
    if (fault.kind === "drop after") return this.#lose("drop after");
    if (fault.kind === "cut") return this.#cut(answer);
    const held = fault.kind === "reorder" && !holdsRequest && (await group.overtaken("answer", this.#remaining() / 2));
    await sleep(Math.max(0, Math.min(fault.answerDelay * this.#grace, this.#remaining() + 1)));
    if (this.#remaining() <= 0) return this.#lose("drop after");
    if (fault.kind === "delay") this.#count("delay");
    if (wasOvertaken || held) this.#count("reorder");
    group.passes("answer");
    this.#outgoing.writeHead(answer.status, answer.headers);
    this.#outgoing.end(answer.body);
  }

  #remaining(): number {
    return this.#exchange.sentAt + lifetimeShare * this.#grace - performance.now();
  }

  /** The answer; of a doubled request that of the first or of the second copy. */
  async #ask(): Promise<Answer> {
    const { fault, group } = this.#exchange;
    if (fault.kind !== "double") {
      group.passes("request");
      return this.#forward();
    }
    const first = this.#forward();
    first.catch(() => undefined);
    await sleep(fault.answerDelay * 0.2 * this.#grace);
    if (this.#remaining() < serverShare * this.#grace) return first;
    const second = this.#forward();
    second.catch(() => undefined);
    group.passes("request");
    const answers = await Promise.all([first, second]);
    this.#count("double");
    return fault.form < 0.5 ? answers[0] : answers[1];
  }

  async #forward(): Promise<Answer> {
    const patience = new AbortController();
    const timer = setTimeout(() => {
      this.#exchange.onOverdue();
      patience.abort();
    }, this.#remaining());
    try {
      return await forward(this.#passed, this.#server, patience.signal);
    } finally {
      clearTimeout(timer);
    }
  }

  /** The connection is reset at once, or nothing comes until the end of the request's life. */
  async #lose(kind: FaultKind): Promise<void> {
    this.#count(kind);
    if (this.#exchange.fault.form < 0.5) await sleep(Math.max(0, this.#remaining()));
    this.#outgoing.destroy();
  }

  /** The connection is reset in the middle of the headers, or of the body: cookies have arrived by then. */
  async #cut(answer: Answer): Promise<void> {
    const { form } = this.#exchange.fault;
    const { socket } = this.#outgoing;
    if (socket === null || socket.destroyed || this.#remaining() <= cutMilliseconds) return this.#lose("drop after");
    this.#count("cut");
    if (form < 0.4 || answer.body.length < 2) {
      socket.write(`HTTP/1.1 ${answer.status} Cut\r\nContent-Type: application/js`);
    } else {
      this.#outgoing.writeHead(answer.status, answer.headers);
      this.#outgoing.write(answer.body.subarray(0, Math.max(1, Math.floor(answer.body.length * form))));
    }
    await sleep(cutMilliseconds);
    socket.resetAndDestroy();
  }
}
