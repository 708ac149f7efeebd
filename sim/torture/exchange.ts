// One request of a client and its answer, through the network: what is sent is what the jar holds at that moment, and
// an answer reaches the jar while it is wanted, whether or not its client still waits. Counts and tells; judges nothing.

import type { Dialect, Operation, Reply, Verdict } from "./dialect.ts";
import { type Fault, noFault } from "./faults.ts";
import { exchangeHeader } from "./network.ts";
import type { Session } from "./session.ts";
import type { Wallet } from "./wallet.ts";
import type { World } from "./world.ts";

/** What a client asks for. */
export interface Asking {
  readonly who: string;
  readonly operation: Operation;
  readonly wallet: Wallet;
  readonly key: string | undefined;
  readonly fault: Fault;
  /** Aborted when the client gives up and drops the answer. */
  readonly signal?: AbortSignal;
  readonly isThief: boolean;
}

/** `lost`: no answer; the server may have acted or not. */
export type Outcome = Verdict | { readonly kind: "lost" };

/** Sends one request; a doubled one whose answers both reach the jar is sent twice. */
export function exchange(world: World, session: Session, asking: Asking): Promise<Outcome> {
  const { fault } = asking;
  if (fault.kind === "double" && fault.form > 0.3 && !asking.isThief) return world.track(twice(world, session, asking));
  return world.track(once(world, session, asking));
}

/** The same request twice; both answers reach the jar, in the order of their arrival. The client waits for the first. */
async function twice(world: World, session: Session, asking: Asking): Promise<Outcome> {
  const { fault, who } = asking;
  const { requestDelay, answerDelay, form } = fault;
  const quick: Fault = { kind: "delay", requestDelay: 0.1 * requestDelay, answerDelay: 0.1 * answerDelay, form };
  const slow: Fault = { ...fault, kind: "delay" };
  const isSecondSlow = form > 0.5;
  const copies = [
    once(world, session, { ...asking, fault: isSecondSlow ? quick : slow }),
    once(world, session, { ...asking, who: `${who}'`, fault: isSecondSlow ? slow : quick }),
  ] as const;
  const both = Promise.all(copies).then((outcomes) => {
    if (outcomes.every(({ kind }) => kind !== "lost")) world.network.count("double");
  });
  void world.track(both);
  return copies[0];
}

async function once(world: World, session: Session, asking: Asking): Promise<Outcome> {
  const { who, operation, wallet, key, fault, isThief } = asking;
  const { dialect, counts, graceMilliseconds } = world;
  const sentAt = world.now();
  const clock = performance.now();
  const held = wallet.held();
  const call = dialect.call(operation, wallet.bodyToken(), key);
  const id = world.network.expect({ fault, sentAt: clock, group: session.group, onOverdue });
  function onOverdue(): void {
    session.overdue += 1;
    counts.overdue += 1;
    session.note(who, `${operation}: the server was silent for a whole grace`);
  }
  const sent = `${operation} ${held === undefined ? "nothing" : dialect.label(held)}${key === undefined ? "" : ` key ${key.slice(0, 4)}`}${fault === noFault || fault.kind === "none" ? "" : `, ${fault.kind}`}`;
  if (session.theft !== undefined) session.theft.sends(isThief ? "thief" : "owner", sentAt, world.softZone);
  const ending = new AbortController();
  const end = (): void => ending.abort();
  const timer = setTimeout(end, 1.5 * graceMilliseconds);
  asking.signal?.addEventListener("abort", end);
  let reply: Reply;
  try {
    reply = await wallet.send(
      world.network.origin,
      { ...call, headers: { ...call.headers, [exchangeHeader]: id } },
      {
        signal: ending.signal,
        isWanted: () => performance.now() - clock < graceMilliseconds && asking.signal?.aborted !== true,
        tokenIn: dialect.tokenIn,
      },
    );
  } catch {
    if (!isThief) session.remember();
    if (session.theft !== undefined && !isThief) session.theft.isSharp = false;
    counts.unanswered += 1;
    const now = wallet.held();
    const landed = now !== held && now !== undefined ? `, and the jar holds ${dialect.label(now)}` : "";
    session.note(who, `${sent} -> no answer${landed}`);
    return { kind: "lost" };
  } finally {
    clearTimeout(timer);
    asking.signal?.removeEventListener("abort", end);
  }
  const isLate = performance.now() - clock >= graceMilliseconds;
  const now = wallet.held();
  const verdict = isLate ? ({ kind: "lost" } as const) : readVerdict(dialect, operation, reply, now !== held);
  const code = verdict.kind === "over" ? ` (${verdict.code})` : "";
  const took = Math.round(world.now() - sentAt);
  session.note(
    who,
    `${sent} -> ${verdict.kind}${code} after ${took} ms${now === held || now === undefined ? "" : `, the jar holds ${dialect.label(now)}`}`,
  );
  if (verdict.kind !== "lost") hear(world, session, asking, sentAt, verdict, reply);
  return verdict;
}

/** What the answer means to a client whose jar has meanwhile got another token, or has not. */
function readVerdict(dialect: Dialect, operation: Operation, reply: Reply, holdsAnother: boolean): Verdict {
  const verdict = dialect.verdict(operation, reply);
  return verdict.kind === "over" && !dialect.isRefusalFinal && holdsAnother ? { kind: "superseded" } : verdict;
}

function hear(world: World, session: Session, asking: Asking, sentAt: number, verdict: Verdict, reply: Reply): void {
  const { operation, who, isThief } = asking;
  const hearing = { who, operation, sentAt };
  if (isThief) {
    session.hearThief(hearing, verdict);
    return;
  }
  const { counts } = world;
  if (verdict.kind === "stored") counts.refreshes += 1;
  if (verdict.kind === "settled") counts.settles += 1;
  if (verdict.kind === "superseded") counts.superseded += 1;
  if (verdict.kind === "busy") counts.busy += 1;
  if (verdict.kind === "done" && operation === "confirm") counts.confirms += 1;
  const { access_token: access } = reply.json;
  if (typeof access === "string") session.accessToken = access;
  session.hearOwner(hearing, verdict);
}
