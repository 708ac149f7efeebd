// The thief: takes a copy of the jar (never of the attempt keys, which are not in it) and goes on at his own pace, in
// lockstep with the owner, or polling. Stops a little after he was thrown out: that he stays out is checked too.

import { once } from "node:events";
import { exchange, type Outcome } from "./exchange.ts";
import { noFault } from "./faults.ts";
import { planSend } from "./plan.ts";
import type { Session } from "./session.ts";
import type { Theft } from "./theft.ts";
import type { Wallet } from "./wallet.ts";
import type { World } from "./world.ts";

/** Tries after the first refusal. */
const stubbornness = 2;
const pollGraces = 0.15;
/** Eight soft zones, and what it takes to go on. */
const runGracesMin = 19;

/** Robs `session` when its plan says so; resolves when the thief has given up or the run is over. */
export async function rob(world: World, session: Session): Promise<void> {
  const theft = session.theft as Theft;
  await world.sleep(theft.plan.stealsAfter, world.over.signal);
  // A theft just before the end of the run would say nothing: the bounds have to fit in.
  if (world.gracesLeft < runGracesMin) return;
  if (world.over.signal.aborted || session.state !== "on") return;
  const loot: Loot = { wallet: session.wallet.copy(), spare: undefined };
  world.counts.thefts += 1;
  session.note("thief", `takes a copy of the jar (${world.dialect.label(loot.wallet.held() as string)})`);
  let refusals = 0;
  for (let turn = 0; refusals <= stubbornness; turn += 1) {
    await nextTurn(world, session, theft, turn);
    if (world.over.signal.aborted) return;
    const outcome = await act(world, session, theft, loot, turn);
    if (outcome.kind === "over") refusals += 1;
  }
}

async function nextTurn(world: World, session: Session, theft: Theft, turn: number): Promise<void> {
  const { signal } = world.over;
  const { pause, retryPause, patience } = planSend(world.seed, session.plan, -1, turn);
  if (theft.plan.kind === "polling") return world.sleep(pollGraces * (0.5 + patience), signal);
  if (theft.plan.kind === "lockstep" && session.isOn) {
    // Beside the owner's request, or just after its answer.
    const moment = retryPause < 0.2 ? "send" : "stored";
    const rung = once(session.bell, moment, { signal: AbortSignal.any([signal, session.closing.signal]) });
    await Promise.race([rung.catch(() => undefined), world.sleep(4, signal)]);
    return world.sleep(0.03 * patience, signal);
  }
  await world.sleep(pause, signal);
  while (theft.plan.keepsAway && session.isOn && !signal.aborted) {
    const silence = world.now() - theft.lastSent.owner;
    if (silence > 1.15 * world.softZone) return;
    await world.sleep(0.1, signal);
  }
}

/** What the thief holds: what he presents, and the newest answer, for when that is refused. */
interface Loot {
  wallet: Wallet;
  spare: Wallet | undefined;
}

async function act(world: World, session: Session, theft: Theft, loot: Loot, turn: number): Promise<Outcome> {
  const ask = (wallet: Wallet, operation: "refresh" | "confirm"): Promise<Outcome> =>
    exchange(world, session, {
      who: "thief",
      operation,
      wallet,
      key: theft.plan.sendsKeys && operation === "refresh" ? `a-key-of-the-thief-${turn}` : undefined,
      fault: noFault,
      isThief: true,
    });
  if (theft.plan.kind === "polling") {
    // The same token again and again; when it is refused, the owner has just received what the last answer held.
    const answer = loot.wallet.copy();
    const outcome = await ask(answer, "refresh");
    if (outcome.kind === "stored") loot.spare = answer;
    if (outcome.kind === "superseded" && loot.spare !== undefined) loot.wallet = loot.spare;
    return outcome;
  }
  const outcome = await ask(loot.wallet, "refresh");
  if (outcome.kind === "stored" && theft.plan.confirms && world.dialect.hasConfirm) await ask(loot.wallet, "confirm");
  return outcome;
}
