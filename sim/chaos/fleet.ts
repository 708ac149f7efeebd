// The nodes under chaos: several processes of the built program on one store, each over a wire of its own, behind a balancer.
// Owns their start, kill and end, and what they printed; knows no fault and no client.

import { fork } from "node:child_process";
import { once } from "node:events";
import { freePort } from "../free-port.ts";
import { builtProgram, type Program, programEnvironment, startProgram, temporaryFolder } from "../program.ts";
import type { Balancer } from "../torture/balancer.ts";
import { startBalancer } from "../torture/balancer.ts";
import type { Link } from "./link.ts";
import { startLink } from "./link.ts";

const startsMax = 3;
const commandMilliseconds = 60_000;

/** One node. */
export interface Node {
  readonly link: Link;
  program: Program;
  /** How often this scenario ended it on purpose. */
  starts: number;
}

/** What a fleet stands on. */
export interface Ground {
  /** The URL of the store, with its real port. */
  readonly url: string;
  readonly secret: string;
  readonly graceSeconds: number;
  readonly nodes: number;
  /** The program; the built one by default. */
  readonly main?: string | undefined;
  /** What is different for this node. */
  readonly environmentOf?: ((node: number) => Readonly<Record<string, string>>) | undefined;
}

export class Fleet {
  readonly nodes: Node[] = [];
  readonly #ground: Ground;
  readonly #folder = temporaryFolder();
  readonly #ports: number[];
  readonly #ended: string[] = [];
  #balancer: Balancer | undefined;

  constructor(ground: Ground) {
    this.#ground = ground;
    this.#ports = Array.from({ length: ground.nodes }, () => 0);
  }

  /** Where clients ask. */
  get origin(): string {
    return (this.#balancer as Balancer).origin;
  }

  get folder(): string {
    return this.#folder.path;
  }

  /** Starts every node at the same instant. */
  async start(): Promise<void> {
    const { graceSeconds, url } = this.#ground;
    this.#balancer = await startBalancer(this.#ports, graceSeconds * 1000);
    const links = await Promise.all(this.#ports.map(() => startLink(Number(new URL(url).port))));
    const started = await Promise.allSettled(
      links.map(async (link, node) => {
        this.nodes[node] = { link, program: await this.#launch(node, link), starts: 0 };
      }),
    );
    const failed = started.find((each) => each.status === "rejected");
    if (failed !== undefined) throw failed.reason;
  }

  async #launch(node: number, link: Link): Promise<Program> {
    const { graceSeconds, url, secret, main, environmentOf } = this.#ground;
    const store = new URL(url);
    store.port = String(link.port);
    for (let start = 1; ; start += 1) {
      const port = await freePort();
      try {
        const program = await startProgram(this.#folder.path, {
          port,
          ...(main === undefined ? {} : { main }),
          environment: {
            PAWL_STORE: store.href,
            PAWL_SECRET: secret,
            PAWL_ISSUER: this.origin,
            PAWL_GRACE: `${graceSeconds}s`,
            PAWL_REGISTRATION: "open",
            PAWL_RATE_LIMIT: "off",
            PAWL_LOG: "info",
            ...environmentOf?.(node),
          },
        });
        this.#ports[node] = port;
        return program;
      } catch (error) {
        if (start === startsMax) throw error;
      }
    }
  }

  /** The address of one node, beside the balancer. */
  originOf(node: number): string {
    return `http://127.0.0.1:${this.#ports[node]}`;
  }

  /** The name that every node answers to. */
  get host(): string {
    return new URL(this.origin).host;
  }

  /** Ends a node, by kill -9 or in an orderly way, and resolves when it is gone. */
  async end(node: number, how: "kill" | "stop"): Promise<void> {
    const each = this.nodes[node] as Node;
    await each.program[how]();
    this.#ended.push(each.program.output());
  }

  /** Starts a node that was ended. */
  async begin(node: number): Promise<void> {
    const each = this.nodes[node] as Node;
    each.program = await this.#launch(node, each.link);
    each.starts += 1;
  }

  /** Runs a command of the built program on the store itself, and resolves what it prints. */
  async command(words: readonly string[], url: string = this.#ground.url): Promise<string> {
    const child = fork(this.#ground.main ?? builtProgram, words, {
      cwd: this.#folder.path,
      env: programEnvironment({ PAWL_STORE: url, PAWL_SECRET: this.#ground.secret, PAWL_ISSUER: this.origin }),
      // Not those of a test runner.
      execArgv: [],
      stdio: ["ignore", "pipe", "pipe", "ipc"],
      timeout: commandMilliseconds,
    });
    let printed = "";
    for (const stream of [child.stdout, child.stderr]) {
      stream?.setEncoding("utf8").on("data", (text: string) => {
        printed += text;
      });
    }
    const [code] = await once(child, "close");
    if (code !== 0) throw new Error(`pawl ${words.join(" ")} ended with ${code}: ${printed}`);
    return printed;
  }

  /** Everything that the nodes printed so far. */
  printed(): string {
    return [...this.#ended, ...this.nodes.map(({ program }) => program.output())].join("\n");
  }

  /** Ends everything whatever its state. */
  async dispose(): Promise<void> {
    await Promise.all(this.nodes.map((node) => node?.program.kill()));
    await Promise.all(this.nodes.map((node) => node?.link.close()));
    await this.#balancer?.close();
    this.#folder.remove();
  }
}
