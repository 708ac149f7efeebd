// The server under torture: starts it, as one process or as several nodes behind a balancer, kills it at planned moments and
// starts it again on the same database; or stands for one that somebody else runs, and then kills nothing. Ends only what it
// started.

import { setTimeout as sleep } from "node:timers/promises";
import { freePort } from "../free-port.ts";
import type { Program } from "../program.ts";
import { temporaryFolder } from "../program.ts";
import type { Balancer } from "./balancer.ts";
import { startBalancer } from "./balancer.ts";
import type { Dialect } from "./dialect.ts";

export interface Host {
  readonly origin: string;
  /** How often a process was killed. */
  readonly kills: number;
  /** Answers of each node, when there are several. */
  readonly answers: readonly number[];
  /** Everything that its processes printed so far. */
  printed(): string;
  /** Does something that no kill may interrupt. */
  uninterrupted<Result>(work: () => Promise<Result>): Promise<Result>;
  /** kill -9 of every process, and a new start. */
  restart(): Promise<void>;
  /** Kills after each of these times, one process at a time, until `signal` is aborted. */
  killAgainAndAgain(nextMilliseconds: () => number, victim: () => number, signal: AbortSignal): Promise<void>;
  /** Stops it with SIGTERM and resolves what `look` sees in its files. */
  stop<Result>(look: (folder: string) => Promise<Result> | undefined): Promise<Result | undefined>;
  /** Ends it whatever its state, and removes its files. */
  dispose(): Promise<void>;
}

/** A port that was free may be taken by the time a node is there. */
const startsMax = 3;

/** The processes of one server. */
class OwnHost implements Host {
  kills = 0;
  readonly #dialect: Dialect;
  readonly #graceSeconds: number;
  readonly #folder = temporaryFolder();
  readonly #balancer: Balancer | undefined;
  /** The ports of the nodes; the balancer looks here. */
  readonly #ports: number[];
  readonly #programs: Program[] = [];
  readonly #ended: Program[] = [];
  readonly #guarded = new Set<Promise<unknown>>();
  /** While a process is about to be killed, and until nothing can be interrupted any more. */
  #killing: Promise<void> | undefined;
  #restarting: Promise<unknown> | undefined;

  constructor(dialect: Dialect, graceSeconds: number, ports: number[], balancer: Balancer | undefined) {
    this.#dialect = dialect;
    this.#graceSeconds = graceSeconds;
    this.#ports = ports;
    this.#balancer = balancer;
  }

  get origin(): string {
    return this.#balancer?.origin ?? (this.#programs[0] as Program).origin;
  }

  get answers(): readonly number[] {
    return this.#balancer?.answers ?? [];
  }

  /** Starts every node at the same instant. */
  async start(): Promise<void> {
    const started = await Promise.allSettled(this.#ports.map((_, node) => this.#launch(node)));
    const failed = started.find((each) => each.status === "rejected");
    if (failed !== undefined) throw failed.reason;
  }

  async #launch(node: number): Promise<void> {
    const launch = (port: number): Promise<Program> =>
      this.#dialect.launch(this.#folder.path, port, this.#graceSeconds, this.#balancer?.origin);
    if (this.#balancer === undefined) {
      this.#programs[node] = await launch(this.#ports[node] as number);
      this.#ports[node] = (this.#programs[node] as Program).port;
      return;
    }
    for (let start = 1; ; start += 1) {
      const port = await freePort();
      try {
        this.#programs[node] = await launch(port);
        this.#ports[node] = port;
        return;
      } catch (error) {
        if (start === startsMax) throw error;
      }
    }
  }

  printed(): string {
    return [...this.#ended, ...this.#programs].map((program) => program.output()).join("\n");
  }

  async uninterrupted<Result>(work: () => Promise<Result>): Promise<Result> {
    while (this.#killing !== undefined) await this.#killing;
    const running = work();
    this.#guarded.add(running);
    try {
      return await running;
    } finally {
      this.#guarded.delete(running);
    }
  }

  async #kill(nodes: readonly number[]): Promise<void> {
    while (this.#guarded.size > 0) await Promise.allSettled(this.#guarded);
    for (const node of nodes) {
      const program = this.#programs[node] as Program;
      await program.kill();
      this.#ended.push(program);
      this.kills += 1;
    }
  }

  /** Kills these and starts them again; whoever is left serves meanwhile. */
  async #restart(nodes: readonly number[]): Promise<void> {
    const killed = this.#kill(nodes);
    const again = killed.then(() => Promise.all(nodes.map((node) => this.#launch(node)))).then(() => undefined);
    this.#killing = (nodes.length < this.#ports.length ? killed : again).finally(() => {
      this.#killing = undefined;
    });
    this.#restarting = Promise.all([this.#killing, again]);
    await this.#restarting;
  }

  restart(): Promise<void> {
    return this.#restart(this.#ports.map((_, node) => node));
  }

  async killAgainAndAgain(nextMilliseconds: () => number, victim: () => number, signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await sleep(nextMilliseconds(), undefined, { signal }).catch(() => undefined);
      if (!signal.aborted) await this.#restart([victim()]);
    }
  }

  async stop<Result>(look: (folder: string) => Promise<Result> | undefined): Promise<Result | undefined> {
    await Promise.all(this.#programs.map((program) => program.stop()));
    return await look(this.#folder.path);
  }

  async dispose(): Promise<void> {
    await this.#restarting?.catch(() => undefined);
    await Promise.all(this.#programs.map((program) => program?.kill()));
    await this.#balancer?.close();
    this.#folder.remove();
  }
}

/** A server that this run starts: one process, or `nodes` of them behind a balancer. */
export async function startHost(dialect: Dialect, graceSeconds: number, nodes = 1): Promise<Host> {
  const ports = Array.from({ length: nodes }, () => 0);
  const balancer = nodes === 1 ? undefined : await startBalancer(ports, graceSeconds * 1000);
  const host = new OwnHost(dialect, graceSeconds, ports, balancer);
  try {
    await host.start();
    return host;
  } catch (error) {
    await host.dispose();
    throw error;
  }
}

/** Loopback names: nothing else may be tortured. */
const loopback: ReadonlySet<string> = new Set(["localhost", "127.0.0.1", "[::1]"]);

/** True for an address of this machine. */
export function isOfThisMachine({ hostname }: URL): boolean {
  return loopback.has(hostname);
}

/**
 * A server that runs already.
 * @throws RangeError for an address that is not of this machine
 */
export function foreignHost(url: string): Host {
  const address = new URL(url);
  if (!isOfThisMachine(address) || address.protocol !== "http:") {
    throw new RangeError("--url takes an http address of this machine (localhost, 127.0.0.1, [::1]) and no other");
  }
  return {
    origin: address.origin,
    kills: 0,
    answers: [],
    printed: () => "",
    uninterrupted: (work) => work(),
    restart: async () => undefined,
    killAgainAndAgain: async () => undefined,
    stop: async () => undefined,
    dispose: async () => undefined,
  };
}
