// To the millisecond, as in boundaries.test.ts: hand-outs that were repeated. The current token handed out again (row 4),
// a second crowded burst of one generation, and what two-phase handed out right before the switch to strict.

import assert from "node:assert/strict";
import type { Row } from "./boundary-table.ts";
import { boundaryTable, late, outcome } from "./boundary-table.ts";
import type { Stage } from "./stage.ts";
import { tokenOf } from "./stage.ts";

/** The successor is current and was handed out again just now: its client had lost it after confirming. */
async function handedOutAgain({ signIn, refresh, confirm }: Stage): Promise<{ first: string; current: string }> {
  const first = tokenOf(await signIn());
  const current = tokenOf(await refresh(first, 1));
  await confirm(current);
  assert.equal(await outcome(refresh(first, 1)), "handed_out_again");
  return { first, current };
}

/** Confirms, and tells which generation is current then. */
async function confirmed({ confirm, sessions, stored }: Stage, token: string): Promise<string> {
  await confirm(token);
  const [listed] = await sessions.list("u");
  assert.ok(listed);
  return `generation ${(await stored(listed.sid)).generation}`;
}

const again: readonly Row[] = [
  {
    name: "a soft zone after row 4: a successor settles, then rotates",
    set: async (stage, { zone }) => {
      const { refresh, platform } = stage;
      const { current } = await handedOutAgain(stage);
      const at = platform.clock.now() + zone;
      platform.clock.advance(zone / 4);
      const next = tokenOf(await refresh(current, 2));
      return [at, () => outcome(refresh(next, 3))];
    },
    answers: late("rotated", "settled"),
  },
  {
    name: "the same for a confirm: nothing changes, then the successor is current",
    set: async (stage, { zone }) => {
      const { current } = await handedOutAgain(stage);
      const next = tokenOf(await stage.refresh(current, 2));
      return [stage.platform.clock.now() + zone, () => confirmed(stage, next)];
    },
    answers: late("generation 2", "generation 1"),
  },
  {
    name: "the last of several hand-outs of row 4 counts",
    set: async (stage, { zone }) => {
      const { refresh, platform } = stage;
      const { first, current } = await handedOutAgain(stage);
      platform.clock.advance(zone / 2);
      await refresh(first, 1);
      const at = platform.clock.now() + zone;
      const next = tokenOf(await refresh(current, 2));
      return [at, () => outcome(refresh(next, 3))];
    },
    answers: late("rotated", "settled"),
  },
];

/** Two tabs lost their answers, and a soft zone later once more, just now: the generation's second crowded burst. */
async function secondCrowd(
  { signIn, refresh, platform }: Stage,
  zone: number,
): Promise<{ current: string; earlier: string; later: string }> {
  const current = tokenOf(await signIn());
  const earlier = tokenOf(await refresh(current, 1));
  await refresh(current, 2);
  platform.clock.advance(zone);
  const later = tokenOf(await refresh(current, 3));
  await refresh(current, 4);
  return { current, earlier, later };
}

const crowds: readonly Row[] = [
  {
    name: "a later crowded burst: its successors settle for a soft zone after its last hand-out",
    set: async (stage, { zone }) => {
      const { current, later } = await secondCrowd(stage, zone);
      stage.platform.clock.advance(zone / 2);
      await stage.refresh(current, 5);
      return [stage.platform.clock.now() + zone, () => outcome(stage.refresh(later, 6))];
    },
    answers: late("rotated", "settled"),
  },
  {
    name: "the same for a confirm",
    set: async (stage, { zone }) => {
      const { later } = await secondCrowd(stage, zone);
      return [stage.platform.clock.now() + zone, () => confirmed(stage, later)];
    },
    answers: late("generation 1", "generation 0"),
  },
  {
    name: "a later crowded burst hands out for longer than a soft zone while no answer is known to have arrived",
    set: async (stage, { zone }) => {
      const { refresh, platform } = stage;
      const { current, later } = await secondCrowd(stage, zone);
      const beganAt = platform.clock.now();
      platform.clock.advance(zone / 2);
      await refresh(current, 5);
      const ask = async (): Promise<string> =>
        `${await outcome(refresh(current, 6))}, its successor ${await outcome(refresh(later, 7))}`;
      return [beganAt + zone, ask];
    },
    answers: late("rotated, its successor settled", "rotated, its successor settled"),
  },
  {
    name: "once one has arrived it hands out no more until a soft zone after its last hand-out",
    set: async (stage, { zone }) => {
      const { refresh, platform } = stage;
      const { current, later } = await secondCrowd(stage, zone);
      assert.equal(await outcome(refresh(current, 5)), "rotated");
      assert.equal(await outcome(refresh(later, 6)), "settled");
      assert.equal(await outcome(refresh(current, 7)), "settled");
      return [platform.clock.now() + zone, () => outcome(refresh(current, 8))];
    },
    answers: late("rotated", "settled"),
  },
  {
    name: "a successor from an earlier burst never waits",
    set: async (stage, { zone }) => {
      const { earlier } = await secondCrowd(stage, zone);
      return [stage.platform.clock.now() + zone, () => outcome(stage.refresh(earlier, 5))];
    },
    answers: late("rotated"),
  },
  {
    name: "a burst after one in which an answer arrived is not contended, however crowded",
    set: async ({ signIn, refresh, platform }, { zone }) => {
      const current = tokenOf(await signIn());
      const next = tokenOf(await refresh(current, 1));
      await refresh(current, 2);
      assert.equal(await outcome(refresh(next, 3)), "settled");
      const ask = async (): Promise<string> => {
        await refresh(current, 4);
        return await outcome(refresh(tokenOf(await refresh(current, 5)), 6));
      };
      return [platform.clock.now() + zone, ask];
    },
    answers: late("rotated", "settled"),
  },
];

const strictWait: readonly Row[] = [
  {
    name: "switched to strict: the current token settles for a soft zone after the last hand-out before the switch",
    set: async ({ signIn, refresh, platform, reopen }, { zone }) => {
      const current = tokenOf(await signIn());
      await refresh(current, 1);
      platform.clock.advance(zone / 4);
      await refresh(current, 2);
      const strict = await reopen({ rotation: "strict" });
      return [platform.clock.now() + zone, () => outcome(strict.refresh(current, 3))];
    },
    answers: late("rotated", "settled"),
  },
  {
    name: "switched to strict: a single hand-out is waited for as well",
    set: async ({ signIn, refresh, platform, reopen }, { zone }) => {
      const current = tokenOf(await signIn());
      await refresh(current, 1);
      const strict = await reopen({ rotation: "strict" });
      return [platform.clock.now() + zone, () => outcome(strict.refresh(current, 1))];
    },
    answers: late("rotated", "settled"),
  },
  {
    name: "switched to strict: a token that was handed out again is waited for, too",
    set: async (stage, { zone }) => {
      const { current } = await handedOutAgain(stage);
      const strict = await stage.reopen({ rotation: "strict" });
      return [stage.platform.clock.now() + zone, () => outcome(strict.refresh(current, 2))];
    },
    answers: late("rotated", "settled"),
  },
  {
    name: "switched to strict: a contended successor settles until nobody else's answer can come",
    set: async ({ signIn, refresh, platform, reopen }, { zone }) => {
      const current = tokenOf(await signIn());
      const next = tokenOf(await refresh(current, 1));
      await refresh(current, 2);
      const strict = await reopen({ rotation: "strict" });
      return [platform.clock.now() + zone, () => outcome(strict.refresh(next, 3))];
    },
    answers: late("rotated", "settled"),
  },
  {
    name: "switched to strict: a successor that was alone does not wait, and what strict handed out does not either",
    set: async ({ signIn, refresh, platform, reopen }, { zone }) => {
      const next = tokenOf(await refresh(tokenOf(await signIn()), 1));
      const strict = await reopen({ rotation: "strict" });
      const ask = async (): Promise<string> => {
        const { refreshToken } = await strict.refresh(next, 2);
        return await outcome(strict.refresh(refreshToken ?? next, 3));
      };
      return [platform.clock.now() + zone, ask];
    },
    answers: late("rotated"),
  },
];

boundaryTable([...again, ...crowds, ...strictWait]);
