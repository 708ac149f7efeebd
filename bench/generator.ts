// The load generator: a process of its own that keeps one chain of rotating refresh tokens per connection, each client
// presenting the token of its last answer as soon as it has it. Reads a LoadJob a line on stdin, answers a LoadResult.
// Any answer that is not a 200 with a new refresh token fails the round: a fast refusal must never count as speed.

import { randomFillSync } from "node:crypto";
import { createInterface } from "node:readline";
import type { Answer } from "./connection.ts";
import { Connection } from "./connection.ts";
import type { LoadFailure, LoadJob, LoadResult } from "./job.ts";

/** Latency samples kept of one round; more requests are counted but not sampled. */
const samplesMax = 1_000_000;
const keyBytes = 16;
const pool = Buffer.alloc(keyBytes * 512);
let poolUsed = pool.length;

function freshKey(): string {
  if (poolUsed === pool.length) {
    randomFillSync(pool);
    poolUsed = 0;
  }
  poolUsed += keyBytes;
  return pool.toString("base64url", poolUsed - keyBytes, poolUsed);
}

/** Builds the whole text of one request. */
function requestFor(job: LoadJob): (token: string) => string {
  const type = job.body === "json" ? "application/json" : "application/x-www-form-urlencoded";
  const head =
    `POST ${job.path} HTTP/1.1\r\nHost: localhost:${job.port}\r\nContent-Type: ${type}\r\n` +
    "Accept: application/json\r\nUser-Agent: pawl-bench/1\r\n";
  const before =
    job.body === "json" ? '{"refresh_token":"' : `grant_type=refresh_token&client_id=${job.clientId}&refresh_token=`;
  const after = job.body === "json" ? '"}' : "";
  return (token) => {
    const key = job.idempotencyKey ? `Idempotency-Key: ${freshKey()}\r\n` : "";
    const length = before.length + token.length + after.length;
    return `${head}${key}Content-Length: ${length}\r\n\r\n${before}${token}${after}`;
  };
}

const member = '"refresh_token":"';

/** The refresh token in an answer, or `undefined`. */
function tokenOf(answer: Answer): string | undefined {
  const at = answer.body.indexOf(member);
  if (answer.status !== 200 || at < 0) return undefined;
  return answer.body.slice(at + member.length, answer.body.indexOf('"', at + member.length));
}

function percentile(sorted: Float64Array, share: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
}

interface Round {
  readonly startedAt: number;
  readonly countFrom: number;
  readonly countUntil: number;
  readonly samples: Float64Array;
  counted: number;
  total: number;
}

function summarize(round: Round, seconds: number, cpu: NodeJS.CpuUsage): LoadResult {
  const sorted = round.samples.subarray(0, Math.min(round.counted, samplesMax)).sort();
  const elapsed = performance.now() - round.startedAt;
  return {
    perSecond: round.counted / seconds,
    counted: round.counted,
    total: round.total,
    p50Milliseconds: percentile(sorted, 0.5),
    p99Milliseconds: percentile(sorted, 0.99),
    generatorCpuShare: (cpu.user + cpu.system) / 1000 / elapsed,
  };
}

/** One client: asks, takes the next token from the answer, asks again, until the round is over. */
function startClient(
  job: LoadJob,
  round: Round,
  first: string,
  onDone: () => void,
  onFailure: (why: string) => void,
): void {
  const build = requestFor(job);
  let token = first;
  let askedAt = 0;
  const ask = (): void => {
    askedAt = performance.now();
    connection.ask(build(token));
  };
  const onAnswer = (answer: Answer): void => {
    const now = performance.now();
    const next = tokenOf(answer);
    // The body of a refusal holds a code, never a token; a 200 without a rotation is named without its body.
    if (next === undefined || next === token) {
      onFailure(`no rotation: status ${answer.status} ${answer.status === 200 ? "" : answer.body.slice(0, 300)}`);
      return;
    }
    token = next;
    round.total++;
    if (now >= round.countFrom && now < round.countUntil) {
      if (round.counted < samplesMax) round.samples[round.counted] = now - askedAt;
      round.counted++;
    }
    if (now < round.countUntil) {
      ask();
      return;
    }
    connection.end();
    onDone();
  };
  const connection = new Connection(job.port, onAnswer, onFailure);
  ask();
}

function run(job: LoadJob): Promise<LoadResult | LoadFailure> {
  return new Promise((resolve) => {
    const startedAt = performance.now();
    const countFrom = startedAt + job.warmupSeconds * 1000;
    const round: Round = {
      startedAt,
      countFrom,
      countUntil: countFrom + job.seconds * 1000,
      samples: new Float64Array(samplesMax),
      counted: 0,
      total: 0,
    };
    const cpu = process.cpuUsage();
    let running = job.tokens.length;
    const onDone = (): void => {
      running--;
      if (running === 0) resolve(summarize(round, job.seconds, process.cpuUsage(cpu)));
    };
    for (const token of job.tokens) startClient(job, round, token, onDone, (failure) => resolve({ failure }));
  });
}

for await (const line of createInterface({ input: process.stdin })) {
  process.stdout.write(`${JSON.stringify(await run(JSON.parse(line) as LoadJob))}\n`);
}
