// kill -9 at random points under load, a hundred times, on one SQLite file: no acknowledged rotation, confirm or logout
// is lost, and no client is logged out. The seed is printed; PAWL_TEST_SEED replays the times of the kills.

import assert from "node:assert/strict";
import { test } from "node:test";
import { createRandom } from "../../src/testing/random.ts";
import type { Program } from "./program.ts";
import { call, startProgram, temporaryFolder } from "./program.ts";

const kills = Number(process.env.PAWL_TEST_KILLS ?? 100);
const clientsCount = 8;
const retriesMax = 1000;
const retryMilliseconds = 10;
const seed = Number(process.env.PAWL_TEST_SEED ?? Math.floor(Math.random() * 2 ** 31));

interface Shared {
  origin: string;
  running: boolean;
  readonly counts: { refreshes: number; confirms: number; logouts: number; retries: number };
}

type Answer = Awaited<ReturnType<typeof call>>;

/** Calls until an answer arrives; the server may die at any moment. */
async function insist(shared: Shared, path: string, body: unknown, key?: string): Promise<Answer> {
  for (let retry = 0; retry < retriesMax; retry += 1) {
    try {
      const answer = await call(shared.origin, path, body, key === undefined ? {} : { "idempotency-key": key });
      if (answer.status !== 503) return answer;
    } catch {
      // Refused or cut off: the server is being restarted.
    }
    shared.counts.retries += 1;
    await new Promise((resolve) => setTimeout(resolve, retryMilliseconds));
  }
  throw new Error(`no answer to ${path} after ${retriesMax} tries`);
}

const credentials = { email: "crash@example.test", password: "a long enough passphrase" };

async function signIn(shared: Shared): Promise<string> {
  const answer = await insist(shared, "/auth/login", { ...credentials, transport: "body" });
  assert.equal(answer.status, 200, JSON.stringify(answer.json));
  return answer.json.refresh_token as string;
}

/** One refresh with a key that is kept until the answer arrives; then what was acknowledged must hold. */
async function turn(shared: Shared, client: number, jar: string, round: number): Promise<string> {
  const key = `crash-client-${client}-round-${round}`.padEnd(16, "-");
  const refreshed = await insist(shared, "/auth/refresh", { refresh_token: jar }, key);
  assert.equal(refreshed.status, 200, `refresh: ${JSON.stringify(refreshed.json)}`);
  shared.counts.refreshes += 1;
  // A retry across a crash may have been counted twice: then the answer settles, and the token in hand stays.
  const next = (refreshed.json.refresh_token as string | undefined) ?? jar;
  if (round % 3 === 0) return next;
  const confirmed = await insist(shared, "/auth/confirm", { refresh_token: next });
  assert.equal(confirmed.status, 204, `confirm: ${JSON.stringify(confirmed.json)}`);
  shared.counts.confirms += 1;
  return next;
}

async function endAndBeginAgain(shared: Shared, jar: string): Promise<string> {
  const out = await insist(shared, "/auth/logout", { refresh_token: jar });
  assert.equal(out.status, 204, JSON.stringify(out.json));
  shared.counts.logouts += 1;
  const after = await insist(shared, "/auth/refresh", { refresh_token: jar }, "after-the-logout-0001");
  assert.equal(after.status, 401, "an acknowledged logout holds");
  assert.equal(after.json.code, "session_revoked");
  return signIn(shared);
}

async function client(shared: Shared, number: number): Promise<void> {
  let jar = await signIn(shared);
  const ended: string[] = [];
  for (let round = 1; shared.running; round += 1) {
    if (round % 17 === 0) {
      ended.push(jar);
      jar = await endAndBeginAgain(shared, jar);
    } else {
      jar = await turn(shared, number, jar, round);
    }
  }
  for (const token of ended) {
    const answer = await insist(shared, "/auth/refresh", { refresh_token: token }, "long-after-the-logout");
    assert.equal(answer.json.code, "session_revoked", "a logout holds over every later crash");
  }
  assert.equal(
    (await insist(shared, "/auth/refresh", { refresh_token: jar }, `the-end-of-client-${number}`)).status,
    200,
  );
}

test(`kill -9, ${kills} times: nothing acknowledged is lost, nobody is logged out`, { timeout: 300_000 }, async (t) => {
  t.diagnostic(`PAWL_TEST_SEED=${seed}`);
  const random = createRandom(seed);
  const folder = temporaryFolder();
  const environment = { PAWL_RATE_LIMIT: "off", PAWL_GRACE: "2s", PAWL_MAX_SESSIONS: "1000", PAWL_LOG: "info" };
  /** A write that was acknowledged and lost shows as a token newer than the store's: rows 6 and 7 say so in the log. */
  const assertNothingLost = (): void => assert.equal(program.output().includes("store_rolled_back"), false);
  let program: Program = await startProgram(folder.path, { environment });
  const { port } = program;
  const shared: Shared = {
    origin: program.origin,
    running: true,
    counts: { refreshes: 0, confirms: 0, logouts: 0, retries: 0 },
  };
  try {
    await insist(shared, "/auth/register", { ...credentials, transport: "body" });
    const clients = Array.from({ length: clientsCount }, (_, number) => client(shared, number));
    const failed = Promise.all(clients).then(() => undefined);
    for (let kill = 0; kill < kills; kill += 1) {
      await Promise.race([new Promise((resolve) => setTimeout(resolve, 20 + random() * 380)), failed]);
      await program.kill();
      assertNothingLost();
      program = await startProgram(folder.path, { port, environment });
    }
    shared.running = false;
    await failed;
    t.diagnostic(JSON.stringify({ kills, ...shared.counts }));
    assert.ok(shared.counts.refreshes > kills, "the load was real");
    assert.ok(shared.counts.logouts > 0);
    assert.equal(await program.stop(), 0);
    assertNothingLost();
  } finally {
    shared.running = false;
    await program.kill();
    folder.remove();
  }
});
