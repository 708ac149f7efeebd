// `pawl serve --workers`: several processes of one server on one port and one database file. What the outside sees is one
// server: one ready line, one key, one answer to /metrics; a worker that dies costs nobody a session.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, it } from "node:test";
import { setTimeout as wait } from "node:timers/promises";
import { mergeMetrics } from "../../src/server/metrics-merge.ts";
import { type Answer, pawl, register, type Server, send, serve, temporaryFolder } from "../server/program.ts";

const patienceMilliseconds = 30_000;
const skip = process.platform === "linux" ? false : "needs /proc to find the workers";

function workersOf(server: Server): number[] {
  const { pid } = server.process;
  return readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").trim().split(" ").filter(Boolean).map(Number);
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    // A process that has ended and was not waited for yet is still found.
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, "utf8"));
  } catch {
    return false;
  }
}

async function until(what: string, isTrue: () => boolean): Promise<void> {
  for (const end = Date.now() + patienceMilliseconds; !isTrue(); await wait(25)) {
    assert.ok(Date.now() < end, `waited in vain for ${what}`);
  }
}

/** A client refreshes with one attempt until an answer comes, as clients do. */
async function refreshed(server: Server, token: string, attempt: string): Promise<string> {
  for (const end = Date.now() + patienceMilliseconds; ; ) {
    const options = { body: { refresh_token: token }, headers: { "idempotency-key": attempt.padEnd(16, "-") } };
    const answer: Answer | undefined = await send(server, "POST", "/auth/refresh", options).catch(() => undefined);
    if (answer?.status === 200) return answer.json.refresh_token ?? token;
    assert.ok(answer === undefined || answer.status === 503, answer?.text);
    assert.ok(Date.now() < end, "no answer came");
  }
}

describe("pawl serve --workers", { skip }, () => {
  it("is one server: one ready line, one key, figures of all workers", async () => {
    const server = await serve(["--workers", "3"]);
    assert.match(server.seen.out, new RegExp(`^pawl ready \\S+ pid=${server.process.pid} store=sqlite\n$`));
    assert.equal(workersOf(server).length, 3);
    const { access_token: token } = await register(server);
    const headers = { authorization: `Bearer ${token}` };
    const rounds = 24;
    const asked = await Promise.all(
      Array.from({ length: rounds }, () => send(server, "GET", "/auth/session", { headers })),
    );
    assert.deepEqual(new Set(asked.map(({ status }) => status)), new Set([200]));
    const keys = await Promise.all(Array.from({ length: 6 }, () => send(server, "GET", "/.well-known/jwks.json")));
    assert.equal(new Set(keys.map(({ text }) => text)).size, 1);
    const { text } = await send(server, "GET", "/metrics");
    const line = `pawl_http_requests_total{route="/auth/session",method="GET",status="200"} ${rounds}`;
    assert.ok(text.split("\n").includes(line), text);
    const warnings = server.seen.errors.match(/plain http/g) ?? [];
    assert.equal(warnings.length, 1, "what looks unsafe is said once");
    const finished = await server.stop();
    assert.equal(finished.code, 0, finished.errors);
    assert.equal(finished.out.trim().split("\n").length, 1);
  });

  it("replaces workers that are killed, and a client that refreshes all the while stays signed in", async () => {
    const server = await serve(["--workers", "2"]);
    let token: string = (await register(server)).refresh_token;
    const first = workersOf(server);
    for (let round = 0; round < 40; round += 1) {
      if (round === 5) process.kill(first[0] as number, "SIGKILL");
      if (round === 20) process.kill(first[1] as number, "SIGKILL");
      token = await refreshed(server, token, `round-${round}`);
    }
    const isReplaced = (): boolean =>
      workersOf(server).length === 2 && !workersOf(server).some((pid) => first.includes(pid));
    await until("new workers", isReplaced);
    await refreshed(server, token, "afterwards");
    assert.match(server.seen.errors, /a worker died and is replaced/);
    assert.equal((await server.stop()).code, 0);
  });

  it("outlives a worker that dies while another one asks for the figures of all", async () => {
    const server = await serve(["--workers", "2"]);
    const { pid } = server.process;
    const [first] = workersOf(server) as [number];
    // The parent learns of the death only after it was asked: it is as far behind as a busy one.
    process.kill(pid as number, "SIGSTOP");
    process.kill(first, "SIGKILL");
    const asked = Array.from({ length: 4 }, () => send(server, "GET", "/metrics").catch(() => undefined));
    await wait(300);
    process.kill(pid as number, "SIGCONT");
    assert.ok((await Promise.all(asked)).some((answer) => answer?.status === 200));
    await until("a new worker", () => workersOf(server).length === 2 && !workersOf(server).includes(first));
    assert.equal((await server.stop()).code, 0, server.seen.errors);
  });

  it("ends its workers with itself: at SIGTERM in an orderly way, at kill -9 all the same", async () => {
    for (const signal of ["SIGTERM", "SIGKILL"] as const) {
      const server = await serve(["--workers", "2"]);
      const pids = workersOf(server);
      assert.equal(pids.length, 2);
      await server.stop(signal);
      await until(`the end of the workers after ${signal}`, () => !pids.some(isAlive));
    }
  });

  it("refuses what cannot work, in one line and with the exit code", async () => {
    const folder = temporaryFolder();
    const cases: readonly [string[], number, RegExp][] = [
      [["--workers", "2", "--store", "memory:"], 2, /^pawl: --workers needs a store that processes share/],
      ...["0", "65", "two", "-1"].map((text): [string[], number, RegExp] => [
        [`--workers=${text}`],
        2,
        /^pawl: --workers must be/,
      ]),
      [["--workers", "2", "--store", "sqlite:/proc/pawl/x.db"], 3, /^pawl: [^\n]+\n$/],
    ];
    for (const [argv, code, why] of cases) {
      const finished = await pawl(["serve", "--port", "0", ...argv], { folder });
      assert.deepEqual([finished.code, why.test(finished.errors), finished.out], [code, true, ""], finished.errors);
    }
  });
});

describe("mergeMetrics", () => {
  it("adds up, takes the longest lag and the earliest start, and keeps one head for each metric", () => {
    const text = (count: number, lag: number, start: number): string =>
      `# HELP a_total A.\n# TYPE a_total counter\na_total{x="1"} ${count}\n# HELP pawl_revocation_feed_lag_seconds L.\n# TYPE pawl_revocation_feed_lag_seconds gauge\npawl_revocation_feed_lag_seconds ${lag}\n# HELP process_start_time_seconds S.\n# TYPE process_start_time_seconds gauge\nprocess_start_time_seconds ${start}\n`;
    assert.equal(mergeMetrics([text(1, 0.5, 200), text(2, 0.25, 100)]), text(3, 0.5, 100));
    assert.equal(mergeMetrics([text(1, 0.5, 200)]), text(1, 0.5, 200));
    const other = '# HELP a_total A.\n# TYPE a_total counter\na_total{x="2"} 7\n';
    assert.match(mergeMetrics([text(1, 0, 1), other]), /a_total\{x="1"\} 1\na_total\{x="2"\} 7\n/);
  });
});
