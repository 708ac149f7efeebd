// `npm run bench:feed`: what the revocation feed costs and how soon a sign-out arrives. A thousand listeners on one node
// while ten thousand sessions a minute are signed out there (CPU of the node with and without listeners), and a sign-out
// at one node of two until a listener of the other has it. On SQLite, on the store that PAWL_STORE names, or with `--store`
// on a server started for the run; writes results/feed-<store>.json, but for `--quick`, which is for trying out. With
// `--between <n>` only the second part, n times; writes results/feed-between-<store>.json.

import type { ChildProcess } from "node:child_process";
import { spawnSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { loadavg, tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { parseArgs } from "node:util";
import { createSessions } from "../src/engine/create-sessions.ts";
import { readStore } from "../src/server/option-values.ts";
import { createStore } from "../src/server/stores.ts";
import { Connection } from "./connection.ts";
import { pawlProgram } from "./contestants/contestant.ts";
import { startFeedDatabase } from "./feed-database.ts";
import { FeedListener } from "./feed-listener.ts";
import { readMachine } from "./machine.ts";
import { canPin, cpuSeconds, end, nextLine, residentMegabytes, start } from "./processes.ts";

const listenersMax = 1000;
const perMinute = 10_000;
const slicesPerSecond = 20;
/** Sign-outs one slice may make up for when the generator was held up. */
const sliceMax = 100;
const patienceMilliseconds = 10_000;

interface Plan {
  readonly seconds: number;
  readonly trials: number;
}

interface Ended {
  readonly sid: string;
  readonly refreshToken: string;
}

/** Milliseconds from the answer to a sign-out until a listener has it. */
interface Delay {
  readonly p50Milliseconds: number;
  readonly p99Milliseconds: number;
  readonly maxMilliseconds: number;
  readonly trials: number;
}

interface Node {
  readonly child: ChildProcess;
  readonly port: number;
}

const secret = randomBytes(32).toString("base64url");
const nodes = new Set<ChildProcess>();

async function startNode(store: string, folder: string): Promise<Node> {
  const child = start([pawlProgram, "serve", "--port", "0", "--store", store], {
    role: "server",
    cwd: folder,
    environment: { PAWL_SECRET: secret, PAWL_RATE_LIMIT: "off", PAWL_LOG: "error", NODE_ENV: "production" },
  });
  nodes.add(child);
  const port = Number(/ready http:\/\/localhost:(\d+)/.exec(await nextLine(child, "pawl serve"))?.[1]);
  return { child, port };
}

/** Sessions to sign out, made past HTTP: what a sign-in costs is not what is measured. */
async function seed(storeName: string, folder: string, count: number): Promise<Ended[]> {
  const store = await createStore(readStore(storeName), folder);
  const sessions = await createSessions({ store, secret });
  const ended: Ended[] = [];
  while (ended.length < count) {
    const batch = Array.from({ length: Math.min(200, count - ended.length) }, async () => {
      const subject = randomBytes(12).toString("base64url");
      const { refreshToken, record } = await sessions.issue({ subject, transport: "body" });
      return { sid: record.sid, refreshToken: refreshToken as string };
    });
    ended.push(...(await Promise.all(batch)));
  }
  await sessions.close();
  return ended;
}

/** Keep-alive connections that sign out; notes when each answer came. */
class SignOuts {
  readonly answeredAt = new Map<string, number>();
  readonly #port: number;
  readonly #idle: ((session: Ended) => void)[] = [];
  readonly #connections: Connection[] = [];

  constructor(port: number) {
    this.#port = port;
  }

  signOut(session: Ended): void {
    (this.#idle.pop() ?? this.#open())(session);
  }

  end(): void {
    for (const connection of this.#connections) connection.end();
  }

  #open(): (session: Ended) => void {
    let sid = "";
    const ask = (session: Ended): void => {
      sid = session.sid;
      const body = JSON.stringify({ refresh_token: session.refreshToken });
      const head = `POST /auth/logout HTTP/1.1\r\nHost: localhost:${this.#port}\r\nContent-Type: application/json`;
      connection.ask(`${head}\r\nContent-Length: ${body.length}\r\n\r\n${body}`);
    };
    const connection = new Connection(
      this.#port,
      ({ status }) => {
        if (status !== 204) throw new Error(`a sign-out was answered with ${status}`);
        this.answeredAt.set(sid, performance.now());
        this.#idle.push(ask);
      },
      (why) => {
        const place = this.#idle.indexOf(ask);
        if (place < 0) throw new Error(why);
        // The server closes what was idle for a minute.
        this.#idle.splice(place, 1);
      },
    );
    this.#connections.push(connection);
    return ask;
  }
}

function delayOf(sids: readonly string[], signOuts: SignOuts, listener: FeedListener): Delay {
  const delays = sids.map((sid) => {
    const [answered, arrived] = [signOuts.answeredAt.get(sid), listener.arrivedAt.get(sid)];
    if (answered === undefined || arrived === undefined) throw new Error("a sign-out did not arrive");
    // The listener may have it before the answer has come.
    return Math.max(0, arrived - answered);
  });
  delays.sort((a, b) => a - b);
  const at = (share: number): number =>
    delays[Math.min(delays.length - 1, Math.floor(delays.length * share))] as number;
  const round = (value: number): number => Math.round(value * 10) / 10;
  return {
    p50Milliseconds: round(at(0.5)),
    p99Milliseconds: round(at(0.99)),
    maxMilliseconds: round(at(1)),
    trials: delays.length,
  };
}

/** Where the feed ends now. */
async function newestCursor(port: number): Promise<string> {
  for (let cursor = ""; ; ) {
    const answer = await fetch(`http://localhost:${port}/auth/revocations?after=${cursor}`);
    const page = (await answer.json()) as { cursor: string; revocations: unknown[] };
    if (page.revocations.length === 0) return page.cursor;
    cursor = page.cursor;
  }
}

async function until(what: string, isSo: () => boolean): Promise<void> {
  for (let waited = 0; !isSo(); waited += 10) {
    if (waited > patienceMilliseconds) throw new Error(`${what}: not within ${patienceMilliseconds} ms`);
    await wait(10);
  }
}

/** Signs out at the given rate for a while. Resolves the CPU share of the node meanwhile. */
async function load(node: Node, signOuts: SignOuts, sessions: readonly Ended[], seconds: number): Promise<number> {
  const pid = node.child.pid as number;
  const before = cpuSeconds(pid);
  const startedAt = performance.now();
  let sent = 0;
  while (sent < sessions.length) {
    await wait(1000 / slicesPerSecond);
    const elapsed = (performance.now() - startedAt) / 1000;
    const due = Math.min(sessions.length, Math.floor((elapsed * sessions.length) / seconds), sent + sliceMax);
    for (; sent < due; sent += 1) signOuts.signOut(sessions[sent] as Ended);
  }
  await until("every sign-out is answered", () => sessions.every(({ sid }) => signOuts.answeredAt.has(sid)));
  return (cpuSeconds(pid) - before) / ((performance.now() - startedAt) / 1000);
}

async function benchCost(storeName: string, folder: string, { seconds }: Plan): Promise<object> {
  const count = Math.round((perMinute / 60) * seconds);
  const sessions = await seed(storeName, folder, 2 * count);
  const node = await startNode(storeName, folder);
  const signOuts = new SignOuts(node.port);
  const listeners: FeedListener[] = [];
  try {
    say(`${count} sign-outs in ${seconds} s, nobody listening`);
    const cpuAlone = await load(node, signOuts, sessions.slice(0, count), seconds);
    const megabytesAlone = residentMegabytes(node.child.pid as number);
    say(`${listenersMax} listeners`);
    // From here on, as after a cut connection: what was signed out before is not what is measured.
    const cursor = await newestCursor(node.port);
    const witness = new FeedListener(node.port, cursor, true);
    listeners.push(witness);
    for (let count = 1; count < listenersMax; count += 1) listeners.push(new FeedListener(node.port, cursor, false));
    await until("everybody listens", () => listeners.every(({ hasBegun }) => hasBegun));
    const measured = sessions.slice(count);
    say(`${count} sign-outs in ${seconds} s, everybody listening`);
    const cpuListened = await load(node, signOuts, measured, seconds);
    await until("the witness has everything", () => measured.every(({ sid }) => witness.arrivedAt.has(sid)));
    await until("everybody has everything", () => listeners.every(({ entries }) => entries === count));
    return {
      listeners: listenersMax,
      signOutsPerMinute: Math.round((count / seconds) * 60),
      seconds,
      cpuShareWithoutListeners: round3(cpuAlone),
      cpuShareWithListeners: round3(cpuListened),
      residentMegabytesWithoutListeners: Math.round(megabytesAlone),
      residentMegabytesWithListeners: Math.round(residentMegabytes(node.child.pid as number)),
      delay: delayOf(
        measured.map(({ sid }) => sid),
        signOuts,
        witness,
      ),
    };
  } finally {
    for (const listener of listeners) listener.end();
    signOuts.end();
    await end(node.child);
  }
}

async function benchTwoNodes(storeName: string, folder: string, { trials }: Plan): Promise<Delay> {
  say(`${trials} sign-outs at one node, a listener at the other`);
  const sessions = await seed(storeName, folder, trials);
  const here = await startNode(storeName, folder);
  const there = await startNode(storeName, folder);
  const signOuts = new SignOuts(here.port);
  const listener = new FeedListener(there.port, "", true);
  try {
    await until("it listens", () => listener.hasBegun);
    for (const session of sessions) {
      signOuts.signOut(session);
      // At no fixed distance: polling at a fixed one would always meet the same moment.
      await wait(5 + (session.sid.charCodeAt(15) % 40));
    }
    await until("all arrive", () => sessions.every(({ sid }) => listener.arrivedAt.has(sid)));
    return delayOf(
      sessions.map(({ sid }) => sid),
      signOuts,
      listener,
    );
  } finally {
    listener.end();
    signOuts.end();
    await Promise.all([end(here.child), end(there.child)]);
  }
}

function round3(value: number): number {
  return Math.round(value * 1000) / 1000;
}

function say(progress: string): void {
  process.stderr.write(`${progress}\n`);
}

const betweenMax = 20;

/** The second part, several times: one run says little on a machine that does other things too. */
async function benchBetween(store: string, folder: string, plan: Plan, count: number): Promise<object> {
  const runs = [];
  for (let run = 0; run < count; run += 1) {
    const loadBefore = loadavg()[0] as number;
    runs.push({ loadBefore, ...(await benchTwoNodes(store, folder, plan)) });
  }
  return { runs };
}

interface Options {
  readonly quick: boolean;
  readonly store?: string;
  readonly between?: number;
}

function readOptions(): Options {
  const { values } = parseArgs({
    options: {
      quick: { type: "boolean", default: false },
      store: { type: "string" },
      between: { type: "string" },
    },
  });
  const { quick, store, between } = values;
  const count = Number(between ?? 1);
  if (!Number.isInteger(count) || count < 1 || count > betweenMax) {
    throw new RangeError(`--between takes 1 to ${betweenMax}`);
  }
  return { quick, ...(store === undefined ? {} : { store }), ...(between === undefined ? {} : { between: count }) };
}

async function main(): Promise<void> {
  const { quick, store: own, between } = readOptions();
  const plan = quick ? { seconds: 10, trials: 100 } : { seconds: 60, trials: 1000 };
  const loadBefore = loadavg()[0] as number;
  const { status } = spawnSync(process.execPath, [join(import.meta.dirname, "..", "tools", "build.mjs")]);
  if (status !== 0) throw new Error("the build failed");
  const database = own === undefined ? undefined : await startFeedDatabase(own);
  const folder = mkdtempSync(join(tmpdir(), "pawl-bench-feed-"));
  try {
    const store = database?.url ?? process.env.PAWL_STORE ?? "sqlite:./pawl.db";
    const figures =
      between === undefined
        ? { twoNodes: await benchTwoNodes(store, folder, plan), oneNode: await benchCost(store, folder, plan) }
        : await benchBetween(store, folder, plan, between);
    const kind = (/^[a-z]+/.exec(store)?.[0] ?? "store").replace(/^postgresql$/, "postgres");
    const circumstances = {
      date: new Date().toISOString(),
      command: ["npm run bench:feed --", ...process.argv.slice(2)].join(" "),
      store: kind,
      ...(database === undefined ? {} : { durability: database.durability }),
      ...readMachine(),
      pinned: canPin,
      loadBefore,
    };
    const text = JSON.stringify({ circumstances, ...figures }, null, 2);
    process.stdout.write(`${text}\n`);
    if (quick) return;
    const name = between === undefined ? `feed-${kind}.json` : `feed-between-${kind}.json`;
    mkdirSync(join(import.meta.dirname, "results"), { recursive: true });
    writeFileSync(join(import.meta.dirname, "results", name), `${text}\n`);
  } finally {
    await database?.end();
    rmSync(folder, { recursive: true, force: true });
  }
}

// A connection that fails says so from within a callback.
process.once("uncaughtException", (error) => {
  say(`bench: ${error.stack}`);
  for (const child of nodes) child.kill("SIGKILL");
  process.exit(1);
});
await main();
