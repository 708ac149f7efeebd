// One scenario from start to end: store and nodes, people who use them, the fault, and then the checks: every node answers
// again, everybody gets further, whoever signed out stays out, the feed carries a sign-out across nodes again. Owns the bounds of
// recovery and what counts as a failure.

import { forward } from "../proxy.ts";
import type { CrowdCounts, Violation } from "./crowd.ts";
import { Crowd } from "./crowd.ts";
import { Fleet } from "./fleet.ts";
import type { Scenario, Stage } from "./scenarios.ts";

/** How a scenario is run. */
export interface ChaosOptions {
  readonly people: number;
  /** How long people live before the fault, how long the fault lasts at least, and how long they live after it. */
  readonly seconds: number;
  /** How long nodes may take to answer again after the repair, and people to get further. Default 15. */
  readonly recoverySeconds?: number | undefined;
  /** The program; the built one by default. */
  readonly main?: string | undefined;
}

/** What came of it. */
export interface ChaosResult extends CrowdCounts {
  readonly scenario: string;
  readonly title: string;
  readonly database: string;
  readonly nodes: number;
  readonly seconds: number;
  /** What was done, with how often. */
  readonly injected: Readonly<Record<string, number>>;
  readonly people: number;
  /** Honest sessions that ended. */
  readonly lost: number;
  /** Sessions that the operator ended, by the documented step. */
  readonly endedByOperator: number;
  /** Answered sign-outs that did not hold, other than those in writes that the database itself lost. */
  readonly undone: number;
  /** Sign-outs that the database lost, and that did not hold for that reason. */
  readonly forgotten: number;
  /** Tokens that proved their descent to a store that had lost their predecessor. */
  readonly rolledForward: number;
  /** From the repair until every node had answered a refresh. */
  readonly recoveryMilliseconds: number;
  /** The longest from an answered sign-out at one node to its entry in the feed of another, afterwards. */
  readonly feedMilliseconds: number;
  readonly violations: readonly Violation[];
}

const recoverySecondsDefault = 15;
/** The promise is a second; the rest is for a machine that does much else. */
const feedMillisecondsMax = 2_000;
const secret = Buffer.alloc(32, "chaos").toString("base64url");

/** Runs one scenario. */
export async function chaos(scenario: Scenario, options: ChaosOptions): Promise<ChaosResult> {
  const { graceSeconds = 4, nodes = 3, environmentOf } = scenario;
  const begun = performance.now();
  const recoveryMillisecondsMax = 1000 * (options.recoverySeconds ?? recoverySecondsDefault);
  const { database, act } = await scenario.prepare();
  const fleet = new Fleet({ url: database.url, secret, graceSeconds, nodes, main: options.main, environmentOf });
  const crowd = new Crowd(() => fleet.origin, graceSeconds);
  const injected: Record<string, number> = {};
  try {
    await fleet.start();
    await crowd.enter(options.people);
    crowd.live();
    await wait(options.seconds * 1000);
    const stage: Stage = {
      fleet,
      crowd,
      milliseconds: options.seconds * 1000,
      injected(what, count = 1) {
        injected[what] = (injected[what] ?? 0) + count;
      },
      repaired() {
        repairedAt = performance.now();
      },
    };
    let repairedAt: number | undefined;
    const pids = fleet.nodes.map(({ program }) => program.pid);
    await act(stage);
    if (repairedAt === undefined) throw new Error(`${scenario.name} repairs nothing`);
    let endedByOperator = 0;
    if (scenario.endsSessions === true) endedByOperator = await checkEnded(crowd, fleet);
    const recoveryMilliseconds = await checkRecovery(crowd, fleet, repairedAt, recoveryMillisecondsMax);
    await wait(options.seconds * 1000);
    await crowd.rest();
    checkAlive(fleet, pids);
    await crowd.settle((index) => fleet.originOf(index % fleet.nodes.length), recoveryMillisecondsMax);
    await crowd.haveLeft();
    const { undone, forgotten } = await checkSignOuts(crowd, fleet);
    const feedMilliseconds = await checkFeed(crowd, fleet);
    const lost = crowd.people.filter(({ state }) => state === "lost").length;
    return {
      scenario: scenario.name,
      title: scenario.title,
      database: database.title,
      nodes,
      seconds: Math.round((performance.now() - begun) / 1000),
      injected,
      people: crowd.people.length,
      ...crowd.counts,
      lost: lost - endedByOperator,
      endedByOperator,
      undone,
      forgotten,
      rolledForward: fleet.printed().split("store_rolled_back").length - 1,
      recoveryMilliseconds,
      feedMilliseconds,
      violations: crowd.violations,
    };
  } finally {
    await crowd.rest().catch(() => undefined);
    await fleet.dispose();
    await database.close();
  }
}

/** Everybody whom the operator signed out is told so, and signs in again. */
async function checkEnded(crowd: Crowd, fleet: Fleet): Promise<number> {
  const before = [...crowd.on];
  for (const [index, person] of before.entries()) {
    person.last = person.wallet.held();
    const verdict = await crowd.present(person, fleet.originOf(index % fleet.nodes.length));
    if (verdict.kind !== "over") crowd.violate("sign-out undone", `${person.name} goes on after a restore`);
    person.state = "lost";
  }
  await crowd.enter(before.length);
  crowd.live();
  return before.length;
}

/** Every node answers a refresh of somebody again, without a restart. Resolves when the last of them had, counted from the repair. */
async function checkRecovery(crowd: Crowd, fleet: Fleet, repairedAt: number, most: number): Promise<number> {
  const end = repairedAt + most;
  await Promise.all(
    fleet.nodes.map(async (_, node) => {
      while (performance.now() < end) {
        const isReady = await fetch(`${fleet.originOf(node)}/readyz`).then(
          ({ ok }) => ok,
          () => false,
        );
        const person = crowd.on[node];
        if (person === undefined) break;
        const signal = AbortSignal.timeout(Math.max(1, Math.round(end - performance.now())));
        if (isReady && (await crowd.refresh(person, signal, () => fleet.originOf(node)))) return;
        await wait(50);
      }
      crowd.violate("no recovery", `node ${node} answers no refresh ${most} ms after the repair`);
    }),
  );
  return Math.round(performance.now() - repairedAt);
}

/** A node that no scenario ended is the process that it was. */
function checkAlive(fleet: Fleet, pids: readonly number[]): void {
  for (const [node, { program, starts }] of fleet.nodes.entries()) {
    if (starts === 0 && program.pid !== pids[node]) throw new Error("a node was started by nobody");
    try {
      process.kill(program.pid, 0);
    } catch {
      fleetDied(node, program.output());
    }
  }
}

function fleetDied(node: number, printed: string): never {
  throw new Error(`node ${node} ended by itself: ${printed.slice(-1_000)}`);
}

/**
 * Whoever was told that they are signed out is refused by every node, with the access token and with the refresh token. A refresh
 * token that is found to be stolen only now was one of a session that still went on.
 */
async function checkSignOuts(crowd: Crowd, fleet: Fleet): Promise<{ undone: number; forgotten: number }> {
  let undone = 0;
  let forgotten = 0;
  for (const person of crowd.people.filter(({ state }) => state === "left")) {
    if (!person.hasLeft) {
      crowd.violate("no recovery", `${person.name} got no answer to a sign-out`);
      continue;
    }
    for (const node of fleet.nodes.keys()) {
      const origin = fleet.originOf(node);
      const status = await crowd.standingOf(person, origin);
      const verdict = await crowd.present(person, origin);
      if (status === 401 && verdict.kind === "over" && !verdict.reuse) continue;
      if (person.mayBeForgotten) forgotten += 1;
      else {
        undone += 1;
        const answers = `${status} to the access token, ${verdict.kind} to the refresh token`;
        crowd.violate("sign-out undone", `${person.name} signed out, and node ${node} answers ${answers}`);
      }
      break;
    }
  }
  return { undone, forgotten };
}

/** A sign-out at each node reaches the feed of the next. */
async function checkFeed(crowd: Crowd, fleet: Fleet): Promise<number> {
  let slowest = 0;
  for (const node of fleet.nodes.keys()) {
    const person = crowd.on[0];
    if (person === undefined) {
      crowd.violate("feed", "nobody is left who could sign out");
      break;
    }
    const next = (node + 1) % fleet.nodes.length;
    const { sid } = JSON.parse(Buffer.from(person.accessToken.split(".")[1] as string, "base64url").toString());
    await crowd.refresh(person);
    await crowd.leave(person);
    const answered = performance.now();
    while (!(await feedHas(fleet, next, sid))) {
      if (performance.now() - answered > feedMillisecondsMax) {
        crowd.violate("feed", `node ${next} does not know of a sign-out ${feedMillisecondsMax} ms after its answer`);
        break;
      }
      await wait(5);
    }
    slowest = Math.max(slowest, performance.now() - answered);
  }
  return Math.round(slowest);
}

async function feedHas(fleet: Fleet, node: number, sid: string): Promise<boolean> {
  const url = new URL(fleet.originOf(node));
  const passed = { method: "GET", path: "/auth/revocations", headers: { accept: "application/json" }, body: "" };
  const { status, body } = await forward(passed, url, undefined, fleet.host);
  if (status !== 200) throw new Error(`the feed answers ${status}: ${body}`);
  const { revocations } = JSON.parse(body.toString()) as { revocations: readonly { sid?: string }[] };
  return revocations.some((each) => each.sid === sid);
}

function wait(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}
