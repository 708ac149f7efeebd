// The checks after the load: whoever is still signed in must be able to go on (I1), no older token may work (I4), what
// ended must stay ended over one more kill -9 (I5, I6), and the store holds one bounded row a session (I3). Speaks to
// the server directly, without faults, after everything under way has arrived or was lost.

import { setTimeout as sleep } from "node:timers/promises";
import type { Random } from "../../src/testing/random.ts";
import type { Operation, Reply, Verdict } from "./dialect.ts";
import { planAudit } from "./plan.ts";
import type { Session } from "./session.ts";
import { type Wallet, within } from "./wallet.ts";
import type { Violation, World } from "./world.ts";

const parallel = 8;
const triesMax = 40;
const retryMilliseconds = 150;
/** Bytes that a row of a session may have, with every list full. */
const rowBytesMax = 2048;

/** Runs every check; the world's load is over and quiet. */
export async function audit(world: World, sessions: readonly Session[]): Promise<void> {
  // Late answers are no longer under way, and no generation is contended any more.
  await sleep(1.1 * world.softZone * 2);
  const random = planAudit(world.seed);
  await each(sessions, (session) => judgeThief(world, session));
  const alive = sessions.filter(({ state }) => state === "on");
  await each(alive, (session) => goOn(world, session));
  await each(alive, (session) => presentOlder(world, session, random));
  await world.host.restart();
  await each(
    sessions.filter(({ endedAt }) => endedAt < Number.POSITIVE_INFINITY),
    (session) => stayOut(world, session),
  );
}

/** The number of rows and the size of the largest, against the number of sessions; and what the server printed. */
export async function weigh(world: World): Promise<void> {
  const { dialect, counts, violations, host } = world;
  const found = await host.stop((folder) => dialect.weigh?.(folder));
  const broke = (invariant: Violation["invariant"], what: string, where: string): void => {
    violations.push({ invariant, what, session: where, story: [] });
  };
  const printed = host.printed();
  if (printed.includes("store_rolled_back")) {
    broke("I6", "a write that was acknowledged was lost in a kill -9", "the log of the server");
  }
  for (const secret of dialect.secrets ?? []) {
    // The place and not the secret: reports are read by others.
    const at = typeof secret === "string" ? printed.indexOf(secret) : printed.search(secret);
    if (at >= 0) broke("contract", `a secret was printed, at byte ${at} of ${printed.length}`, "the log of the server");
  }
  if (found === undefined) return;
  const { sessions, signInsUnanswered } = counts;
  if (found.rows < sessions || found.rows > sessions + signInsUnanswered) {
    const unanswered = `and ${signInsUnanswered} unanswered sign-ins`;
    broke("I3", `${sessions} sessions (${unanswered}) have ${found.rows} rows`, "the database");
  }
  if (found.rowBytesMax > rowBytesMax) broke("I3", `a row has ${found.rowBytesMax} bytes`, "the database");
}

async function each(sessions: readonly Session[], work: (session: Session) => Promise<void>): Promise<void> {
  const left = [...sessions];
  await Promise.all(
    Array.from({ length: parallel }, async () => {
      for (let session = left.shift(); session !== undefined; session = left.shift()) await work(session);
    }),
  );
}

/** One request without faults, repeated while the server is busy or being restarted. */
async function ask(world: World, operation: Operation, wallet: Wallet, key?: string): Promise<[Verdict, Reply]> {
  const { dialect, host } = world;
  for (let tries = 0; tries < triesMax; tries += 1) {
    try {
      const call = dialect.call(operation, wallet.bodyToken(), key);
      const reply = await within(5000, (signal) =>
        wallet.send(host.origin, call, { signal, isWanted: () => true, tokenIn: dialect.tokenIn }),
      );
      const verdict = dialect.verdict(operation, reply);
      if (verdict.kind !== "busy") return [verdict, reply];
    } catch {
      // The server is being started again, or the machine is slow.
    }
    await sleep(retryMilliseconds);
  }
  throw new Error(`the server under torture gave no answer to ${triesMax} requests`);
}

/** What became of the thief. */
async function judgeThief(world: World, session: Session): Promise<void> {
  const { theft } = session;
  if (theft?.actedAt === undefined) return;
  const { counts } = world;
  if (theft.isOut && session.state === "on") counts.shutOut += 1;
  if (!theft.isOut) counts.inside += 1;
  if (theft.isSharp) counts.sharp += 1;
}

/** A session without a theft goes on; two confirmed refreshes make everything it ever had old. */
async function goOn(world: World, session: Session): Promise<void> {
  // What a theft left behind may end at any next refresh.
  if (session.theft?.actedAt !== undefined) return;
  const { dialect } = world;
  for (let round = 0; round < 2; round += 1) {
    const key = `the-check-after-the-run-${round}`;
    const [verdict] = await ask(world, "refresh", session.wallet, key);
    session.note("CHECK", `refresh -> ${verdict.kind}`);
    if (verdict.kind === "over") return lose(world, session, verdict.code);
    if (verdict.kind !== "stored") {
      return session.violate("contract", `a refresh long after everything had come to rest was ${verdict.kind}`);
    }
    if (!dialect.hasConfirm) continue;
    const [confirmed] = await ask(world, "confirm", session.wallet);
    session.note("CHECK", `confirm -> ${confirmed.kind}`);
    if (confirmed.kind === "over") return lose(world, session, confirmed.code);
    if (confirmed.kind !== "done") session.violate("contract", `a confirm was ${confirmed.kind}`);
  }
}

function lose(world: World, session: Session, code: string): void {
  session.state = "lost";
  if (session.overdue > 0) world.counts.inconclusive += 1;
  else session.violate("I1", `an honest session ended: ${code} (at the check after the run)`);
}

/** One older token, any of them: no token comes of it. A reuse ends the session, which is checked after the kill. */
async function presentOlder(world: World, session: Session, random: Random): Promise<void> {
  const choice = random();
  if (session.state !== "on" || session.theft?.actedAt !== undefined) return;
  const older = session.tokens.filter((token) => token !== session.wallet.held());
  const token = older[Math.floor(choice * older.length)];
  if (token === undefined) return;
  const verdict = await present(world, session, token);
  if (verdict.kind === "over" && verdict.ends) session.endedAt = world.now();
  if (verdict.kind === "stored" || verdict.kind === "settled") {
    session.violate("I4", `an older token (${world.dialect.label(token)}) got an access token`);
  } else if (verdict.kind === "over" || verdict.kind === "superseded") world.counts.refusals += 1;
}

/** A session that ended: neither what the jar holds nor an older token nor the access token works. */
async function stayOut(world: World, session: Session): Promise<void> {
  const { dialect, host, counts } = world;
  const invariant = session.state === "left" ? "I5" : "I6";
  const held = session.wallet.held();
  for (const token of new Set([held, ...session.tokens.slice(-3), ...session.tokens.slice(0, 2)])) {
    if (token === undefined) continue;
    const verdict = await present(world, session, token);
    if (verdict.kind === "over") counts.refusals += 1;
    else session.violate(invariant, `a token of a session that was over was ${verdict.kind} after a kill -9`);
  }
  if (dialect.accessPath === undefined || session.accessToken === undefined) return;
  const headers = { authorization: `Bearer ${session.accessToken}` };
  const response = await fetch(new URL(dialect.accessPath, host.origin), { headers });
  await response.arrayBuffer();
  if (response.status === 401) counts.refusals += 1;
  else session.violate(invariant, `the access token of a session that was over got ${response.status}`);
}

/** Presents one token on its own. */
async function present(world: World, session: Session, token: string): Promise<Verdict> {
  const [verdict] = await ask(world, "refresh", session.wallet.holding(token));
  const code = verdict.kind === "over" ? ` (${verdict.code})` : "";
  session.note("CHECK", `${world.dialect.label(token)} presented again -> ${verdict.kind}${code}`);
  return verdict;
}
