// Refresh over HTTP at 64 keep-alive clients: every contestant runs at the same time on one core and gets its turn in
// each round, so that a noisy machine hurts all alike; ratios are formed inside a round, then their median is taken.

import type { ChildProcess } from "node:child_process";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import type { Contestant } from "./contestants/contestant.ts";
import { contestants, peer, yardstick } from "./contestants/contestant.ts";
import type { LoadFailure, LoadJob, LoadResult } from "./job.ts";
import { cpuSeconds, end, nextLine, start } from "./processes.ts";
import type { Spread } from "./statistics.ts";
import { spreadOf } from "./statistics.ts";

/** Length of a refresh benchmark. */
export interface RefreshPlan {
  readonly clients: number;
  readonly rounds: number;
  readonly secondsPerRound: number;
  readonly warmupSeconds: number;
  /** Names of the contestants that take part; all when absent. */
  readonly only?: readonly string[];
}

/** One row of the table. */
export interface RefreshRow {
  readonly name: string;
  readonly title: string;
  readonly perSecond: Spread;
  /** Against the bare minimum, and against node-oidc-provider if it took part, of the same round. */
  readonly ratioToBare: Spread;
  readonly ratioToPeer: Spread | undefined;
  /** Microseconds of server CPU per refresh (user and system), and its ratio (bare / this one). */
  readonly cpuMicroseconds: Spread;
  readonly cpuRatioToBare: Spread;
  readonly p50Milliseconds: Spread;
  readonly p99Milliseconds: Spread;
  readonly generatorCpuShare: Spread;
}

interface Running {
  readonly contestant: Contestant;
  readonly child: ChildProcess;
  readonly issuer: string;
}

interface Sample extends LoadResult {
  readonly cpuMicroseconds: number;
}

/** `<anything> ready <issuer> …`: the ready line of Pawl and of our own contestants. */
function issuerOf(readyLine: string, name: string): string {
  const issuer = / ready (http:\/\/\S+)/.exec(readyLine)?.[1];
  if (issuer === undefined) throw new Error(`${name} said: ${readyLine}`);
  return issuer;
}

async function startContestant(contestant: Contestant, folder: string): Promise<Running> {
  const own = join(folder, contestant.name);
  mkdirSync(own, { recursive: true });
  let complaints = "";
  const child = start(contestant.start(own), {
    role: "server",
    cwd: own,
    environment: contestant.environment,
    onStderr: (text) => {
      complaints = (complaints + text).slice(-4000);
    },
  });
  try {
    return { contestant, child, issuer: issuerOf(await nextLine(child, contestant.name), contestant.name) };
  } catch (error) {
    throw new Error(`${contestant.name} did not start: ${complaints}`, { cause: error });
  }
}

async function load(generator: ChildProcess, job: LoadJob, name: string): Promise<LoadResult> {
  const answer = nextLine(generator, `the generator against ${name}`, (job.warmupSeconds + job.seconds + 30) * 1000);
  generator.stdin?.write(`${JSON.stringify(job)}\n`);
  const result = JSON.parse(await answer) as LoadResult | LoadFailure;
  if ("failure" in result) throw new Error(`${name}: ${result.failure}`);
  return result;
}

async function measure(generator: ChildProcess, running: Running, plan: RefreshPlan): Promise<Sample> {
  const { contestant, child, issuer } = running;
  // Fresh sessions in every round: node-oidc-provider's memory adapter gets slower with the age of a grant.
  const tokens = await contestant.seed(issuer, plan.clients);
  const job: LoadJob = {
    port: Number(new URL(issuer).port),
    ...contestant.ask,
    tokens,
    warmupSeconds: plan.warmupSeconds,
    seconds: plan.secondsPerRound,
  };
  const before = cpuSeconds(child.pid as number);
  const result = await load(generator, job, contestant.name);
  const used = cpuSeconds(child.pid as number) - before;
  return { ...result, cpuMicroseconds: (used / result.total) * 1e6 };
}

function rowOf(contestant: Contestant, taken: ReadonlyMap<string, readonly Sample[]>): RefreshRow {
  const samples = taken.get(contestant.name) as readonly Sample[];
  const against = (base: readonly Sample[], pick: (sample: Sample, base: Sample) => number): Spread =>
    spreadOf(samples.map((sample, round) => pick(sample, base[round] as Sample)));
  const bare = taken.get(yardstick.name) as readonly Sample[];
  const spread = (pick: (sample: Sample, base: Sample) => number): Spread => against(bare, pick);
  const peerSamples = taken.get(peer.name);
  return {
    name: contestant.name,
    title: contestant.title,
    perSecond: spread((sample) => sample.perSecond),
    ratioToBare: spread((sample, base) => sample.perSecond / base.perSecond),
    ratioToPeer: peerSamples && against(peerSamples, (sample, base) => sample.perSecond / base.perSecond),
    cpuMicroseconds: spread((sample) => sample.cpuMicroseconds),
    cpuRatioToBare: spread((sample, base) => base.cpuMicroseconds / sample.cpuMicroseconds),
    p50Milliseconds: spread((sample) => sample.p50Milliseconds),
    p99Milliseconds: spread((sample) => sample.p99Milliseconds),
    generatorCpuShare: spread((sample) => sample.generatorCpuShare),
  };
}

/** Runs the whole comparison in `folder` and returns one row per contestant, the bare minimum first. */
export async function benchRefresh(
  plan: RefreshPlan,
  folder: string,
  say: (progress: string) => void,
): Promise<readonly RefreshRow[]> {
  const taking = contestants.filter(({ name }) => name === yardstick.name || (plan.only?.includes(name) ?? true));
  const running: Running[] = [];
  const generator = start([join(import.meta.dirname, "generator.ts")], { role: "generator", cwd: folder });
  const samples = new Map<string, Sample[]>(taking.map(({ name }) => [name, []]));
  try {
    for (const contestant of taking) running.push(await startContestant(contestant, folder));
    // Round 0 warms every program up and is not counted; then each round starts with another contestant.
    for (let round = 0; round <= plan.rounds; round++) {
      for (let turn = 0; turn < running.length; turn++) {
        const each = running[(round + turn) % running.length] as Running;
        const sample = await measure(generator, each, plan);
        say(`round ${round}/${plan.rounds} ${each.contestant.name}: ${Math.round(sample.perSecond)}/s`);
        if (round > 0) samples.get(each.contestant.name)?.push(sample);
      }
    }
  } finally {
    await Promise.all([...running.map(({ child }) => end(child)), end(generator)]);
  }
  return taking.map((contestant) => rowOf(contestant, samples));
}
