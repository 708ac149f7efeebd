// The owner of a session: as many tabs as planned, sharing one jar, each refreshing at its pace, retrying what was not
// answered and confirming what was; and the way out. Takes its attempt keys from Pawl's own browser client.

import { setMaxListeners } from "node:events";
import { type Attempts, createAttempts } from "../../src/client/attempt.ts";
import { createMemory } from "../../src/client/memory.ts";
import { createVolatileStorage } from "../../src/client/stored.ts";
import { exchange, type Outcome } from "./exchange.ts";
import { noFault } from "./faults.ts";
import { planSend, type SendPlan } from "./plan.ts";
import type { Session } from "./session.ts";
import type { World } from "./world.ts";

/** One tab: the key of its unanswered refresh. */
interface Tab {
  readonly name: string;
  readonly attempts: Attempts | undefined;
  key: string | undefined;
}

/** Lives the session until its time is over, it ended, or the run did. */
export async function liveSession(world: World, session: Session): Promise<void> {
  const { plan, closing } = session;
  const shared = createVolatileStorage();
  const tabs = Array.from({ length: plan.tabs }, (_, index) => {
    const storage = plan.keys === "shared" ? shared : createVolatileStorage();
    const memory = createMemory(() => storage);
    const attempts = plan.keys === "none" ? undefined : createAttempts({ memory, name: "owner" });
    return runTab(world, session, { name: `tab ${index + 1}`, attempts, key: undefined }, index);
  });
  const stop = (): void => closing.abort();
  world.over.signal.addEventListener("abort", stop);
  // The sign-in may have been answered when the run was over already.
  if (world.over.signal.aborted) stop();
  await world.sleep(Math.min(plan.lifetime, 1e6), closing.signal);
  if (session.state === "on" && plan.signsOut && !world.over.signal.aborted) await signOut(world, session);
  closing.abort();
  world.over.signal.removeEventListener("abort", stop);
  await Promise.all(tabs);
}

async function runTab(world: World, session: Session, tab: Tab, index: number): Promise<void> {
  const { plan, closing } = session;
  let isPending = false;
  for (let send = 0; ; send += 1) {
    const sendPlan = planSend(world.seed, plan, index, send);
    const { beat } = plan;
    if (beat !== undefined && sendPlan.waitsForBeat) {
      await world.sleep(beat - ((world.now() / world.graceMilliseconds) % beat), closing.signal);
    }
    await world.sleep(isPending && beat === undefined ? sendPlan.retryPause : sendPlan.pause, closing.signal);
    if (closing.signal.aborted || !session.isOn) return;
    const outcome = await refresh(world, session, tab, sendPlan);
    isPending = outcome.kind !== "stored" && outcome.kind !== "settled";
    if (outcome.kind === "stored" && plan.confirms && session.isOn && world.dialect.hasConfirm) {
      const confirmed = exchange(world, session, {
        who: tab.name,
        operation: "confirm",
        wallet: session.wallet,
        key: undefined,
        fault: sendPlan.confirmFault,
        isThief: false,
      });
      if (sendPlan.waitsForConfirm) await Promise.race([confirmed, world.sleep(sendPlan.patience, closing.signal)]);
    }
  }
}

/** One sending; resolves when it was answered or the client has lost patience. */
async function refresh(world: World, session: Session, tab: Tab, sendPlan: SendPlan): Promise<Outcome> {
  const key = await tab.attempts?.current();
  tab.key = key;
  const givingUp = new AbortController();
  setMaxListeners(0, givingUp.signal);
  session.bell.dispatchEvent(new Event("send"));
  const answered = exchange(world, session, {
    who: tab.name,
    operation: "refresh",
    wallet: session.wallet,
    key,
    fault: sendPlan.fault,
    isThief: false,
    ...(session.plan.aborts ? { signal: givingUp.signal } : {}),
  }).then((outcome) => {
    // A key is kept until its answer is stored; a late answer to an older refresh leaves a newer key alone.
    const isStored = outcome.kind === "stored" || outcome.kind === "settled";
    if (isStored && key !== undefined && tab.key === key) {
      void tab.attempts?.done();
      tab.key = undefined;
    }
    return outcome;
  });
  const patience = world.sleep(sendPlan.patience, session.closing.signal).then((): Outcome => ({ kind: "lost" }));
  const outcome = await Promise.race([answered, patience]);
  if (outcome.kind === "lost") givingUp.abort();
  return outcome;
}

/** What the session had last: after the answer to a sign-out nothing may come of it. */
async function presentAgain(world: World, session: Session): Promise<void> {
  for (const token of session.tokens.slice(-2)) {
    const wallet = session.wallet.holding(token);
    const asking = {
      who: "owner",
      operation: "refresh",
      wallet,
      key: undefined,
      fault: noFault,
      isThief: false,
    } as const;
    const { kind } = await exchange(world, session, asking);
    if (kind === "over") world.counts.refusals += 1;
  }
}

/** Signs out and insists; the tabs go on meanwhile. */
async function signOut(world: World, session: Session): Promise<void> {
  for (let index = 0; session.isOn && !world.over.signal.aborted; index += 1) {
    const { fault, retryPause } = planSend(world.seed, session.plan, -2, index);
    if (session.state === "on") session.state = "leaving";
    const outcome = await exchange(world, session, {
      who: "owner",
      operation: "logout",
      wallet: session.wallet,
      key: undefined,
      fault,
      isThief: false,
    });
    if (outcome.kind === "done") {
      session.state = "left";
      session.endedAt = world.now();
      world.counts.logouts += 1;
      await presentAgain(world, session);
      return;
    }
    await world.sleep(retryPause, world.over.signal);
  }
}
