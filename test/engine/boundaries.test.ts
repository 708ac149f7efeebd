// Every instant at which the engine changes its mind, one millisecond before it, at it, and one after: a table. Each row
// sets its own scene, names the instant, and says what is answered on its three sides. Those of bursts and of hand-outs
// that were repeated have a file of their own.

import assert from "node:assert/strict";
import { it } from "node:test";
import { leewaySecondsMax } from "../../src/core/access-claims.ts";
import type { Row } from "./boundary-table.ts";
import { boundaryTable, codeOf, late, outcome } from "./boundary-table.ts";
import type { Stage } from "./stage.ts";
import { key, openStage, second, tokenOf } from "./stage.ts";

const deadlines: readonly Row[] = [
  {
    name: "the deadline of a refresh",
    set: async ({ signIn, sessions, platform }, { grace }) => {
      const refreshToken = tokenOf(await signIn());
      const deadlineAt = platform.clock.now() + grace;
      return [deadlineAt, () => outcome(sessions.refresh({ refreshToken, attempt: key(1), deadlineAt }))];
    },
    answers: late("store_unavailable"),
  },
  {
    name: "the deadline of a confirm",
    set: async ({ signIn, sessions, platform }, { grace }) => {
      const refreshToken = tokenOf(await signIn());
      const deadlineAt = platform.clock.now() + grace;
      return [deadlineAt, () => codeOf(sessions.confirm({ refreshToken, deadlineAt }))];
    },
    answers: late("store_unavailable", "good"),
  },
  {
    name: "the deadline of a refresh of an unknown session: late is no verdict",
    set: async (stage, { grace }) => {
      const refreshToken = await forgotten(stage);
      const deadlineAt = stage.platform.clock.now() + grace;
      return [deadlineAt, () => outcome(stage.sessions.refresh({ refreshToken, attempt: key(1), deadlineAt }))];
    },
    answers: late("store_unavailable", "session_expired"),
  },
  {
    name: "the deadline of a confirm of an unknown session: late is no verdict",
    set: async (stage, { grace }) => {
      const refreshToken = await forgotten(stage);
      const deadlineAt = stage.platform.clock.now() + grace;
      return [deadlineAt, () => codeOf(stage.sessions.confirm({ refreshToken, deadlineAt }))];
    },
    answers: late("store_unavailable", "session_expired"),
  },
];

/** A good token of a session that the store does not know any more. */
async function forgotten({ signIn, sessions }: Stage): Promise<string> {
  const grant = await signIn();
  await sessions.revoke(grant.record.sid, "revoked");
  await sessions.purge(undefined, 0);
  assert.equal(await sessions.story(grant.record.sid), undefined);
  return tokenOf(grant);
}

const rotation: readonly Row[] = [
  {
    name: "row 5 to row 8: a soft zone after a generation was retired",
    set: async ({ signIn, refresh, confirm, platform }, { zone }) => {
      const first = tokenOf(await signIn());
      await confirm(tokenOf(await refresh(first, 1)));
      return [platform.clock.now() + zone, () => outcome(refresh(first, 2))];
    },
    answers: late("refresh_token_reused", "refresh_token_superseded"),
  },
  {
    name: "row 5 to row 8, a generation further back: each has its own soft zone",
    set: async ({ signIn, refresh, confirm, platform }, { zone }) => {
      const first = tokenOf(await signIn());
      const next = tokenOf(await refresh(first, 1));
      await confirm(next);
      const retiredAt = platform.clock.now();
      platform.clock.advance(zone / 2);
      await confirm(tokenOf(await refresh(next, 2)));
      return [retiredAt + zone, () => outcome(refresh(first, 3))];
    },
    answers: late("refresh_token_reused", "refresh_token_superseded"),
  },
  {
    name: "strict has no soft zone: reuse on all three sides",
    rotation: "strict",
    set: async ({ signIn, refresh, platform }, { zone }) => {
      const first = tokenOf(await signIn());
      await refresh(first, 1);
      return [platform.clock.now() + zone, () => outcome(refresh(first, 1))];
    },
    answers: ["refresh_token_reused", "refresh_token_reused", "refresh_token_reused"],
  },
  {
    name: "row 3 to row 2: a soft zone after the last hand-out of a contended burst",
    set: async ({ signIn, refresh, platform }, { zone }) => {
      const first = tokenOf(await signIn());
      const next = tokenOf(await refresh(first, 1));
      platform.clock.advance(zone / 4);
      await refresh(first, 2);
      return [platform.clock.now() + zone, () => outcome(refresh(next, 3))];
    },
    answers: late("rotated", "settled"),
  },
  {
    name: "the same for a confirm: nothing changes, then the successor is current",
    set: async ({ signIn, refresh, sessions, stored, platform }, { zone }) => {
      const first = await signIn();
      const next = tokenOf(await refresh(tokenOf(first), 1));
      await refresh(tokenOf(first), 2);
      const ask = async (): Promise<string> => {
        await sessions.confirm({ refreshToken: next });
        return `generation ${(await stored(first.record.sid)).generation}`;
      };
      return [platform.clock.now() + zone, ask];
    },
    answers: late("generation 1", "generation 0"),
  },
  {
    name: "the end of a burst: a hand-out within a soft zone of the one before joins it, a later one does not contend",
    set: async ({ signIn, refresh, platform }, { zone }) => {
      const first = tokenOf(await signIn());
      const next = tokenOf(await refresh(first, 1));
      const ask = async (): Promise<string> => {
        await refresh(first, 2);
        return await outcome(refresh(next, 3));
      };
      return [platform.clock.now() + zone, ask];
    },
    answers: late("rotated", "settled"),
  },
  {
    name: "the end of hand-outs in a contended burst: a soft zone after its first",
    set: async ({ signIn, refresh, platform }, { zone }) => {
      const first = tokenOf(await signIn());
      const beganAt = platform.clock.now();
      await refresh(first, 1);
      platform.clock.advance(zone / 2);
      await refresh(first, 2);
      return [beganAt + zone, () => outcome(refresh(first, 3))];
    },
    answers: late("settled"),
  },
  {
    name: "the server's attempt: grace after its first use, however often it was used since",
    set: async ({ signIn, refresh, platform }, { grace }) => {
      const first = tokenOf(await signIn());
      const beganAt = platform.clock.now();
      const next = tokenOf(await refresh(first));
      platform.clock.advance(grace / 2);
      await refresh(first);
      const ask = async (): Promise<string> => (tokenOf(await refresh(first)) === next ? "the same" : "another");
      return [beganAt + grace, ask];
    },
    answers: late("another", "the same"),
  },
  {
    name: "row 4 without a key: as long as the server's attempt",
    set: async ({ signIn, refresh, confirm, platform }, { grace }) => {
      const first = tokenOf(await signIn());
      const beganAt = platform.clock.now();
      await confirm(tokenOf(await refresh(first)));
      return [beganAt + grace, () => outcome(refresh(first))];
    },
    answers: late("refresh_token_superseded", "handed_out_again"),
  },
  {
    name: "row 4 with the same key: no end of its own",
    set: async ({ signIn, refresh, confirm, platform }, { zone }) => {
      const first = tokenOf(await signIn());
      await confirm(tokenOf(await refresh(first, 1)));
      return [platform.clock.now() + zone, () => outcome(refresh(first, 1))];
    },
    answers: ["handed_out_again", "handed_out_again", "handed_out_again"],
  },
];

const lifetimes: readonly Row[] = [
  {
    name: "the idle lifetime of a refresh token: refresh",
    set: async ({ signIn, refresh, platform }, { idle }) => {
      const first = tokenOf(await signIn());
      return [platform.clock.now() + idle, () => outcome(refresh(first, 1))];
    },
    answers: late("refresh_token_expired"),
  },
  {
    name: "the idle lifetime of a refresh token: confirm",
    set: async ({ signIn, sessions, platform }, { idle }) => {
      const refreshToken = tokenOf(await signIn());
      return [platform.clock.now() + idle, () => codeOf(sessions.confirm({ refreshToken }))];
    },
    answers: late("refresh_token_expired", "good"),
  },
  {
    name: "the idle lifetime of a refresh token: logout",
    set: async ({ signIn, sessions, platform }, { idle }) => {
      const refreshToken = tokenOf(await signIn());
      return [platform.clock.now() + idle, () => sessions.logout({ refreshToken })];
    },
    answers: late("unknown", "ended"),
  },
  {
    name: "a successor lives from the first hand-out of its burst",
    set: async ({ signIn, refresh, platform }, { idle, zone }) => {
      const first = tokenOf(await signIn());
      platform.clock.advance(zone);
      const beganAt = platform.clock.now();
      await refresh(first, 1);
      platform.clock.advance(zone / 2);
      const next = tokenOf(await refresh(first, 2));
      return [beganAt + idle, () => outcome(refresh(next, 3))];
    },
    answers: late("refresh_token_expired"),
  },
  {
    name: "an idle session: its state and the list of its subject",
    set: async ({ signIn, sessions, platform }, { idle }) => {
      const { record } = await signIn();
      const ask = async (): Promise<string> =>
        `${(await sessions.story(record.sid))?.state}, ${(await sessions.list("u")).length} listed`;
      return [platform.clock.now() + idle, ask];
    },
    answers: late("idle_expired, 0 listed", "live, 1 listed"),
  },
  {
    name: "an idle session: re-authentication",
    set: async ({ signIn, sessions, platform }, { idle }) => {
      const { record } = await signIn();
      return [platform.clock.now() + idle, () => outcome(sessions.reauthenticate(record.sid))];
    },
    answers: late("invalid_token", "reauthenticated"),
  },
  {
    name: "the absolute lifetime: the refresh token dies with the session",
    set: async (stage, { session }) => {
      const { jar, signedInAt } = await keepAlive(stage, session);
      return [signedInAt + session, () => outcome(stage.refresh(jar, 99))];
    },
    answers: late("refresh_token_expired"),
  },
  {
    name: "the absolute lifetime: state, list and access token",
    set: async (stage, { session, access }) => {
      const { jar, signedInAt } = await keepAlive(stage, session);
      stage.platform.clock.set(signedInAt + session - access + second);
      const { record, accessToken } = await stage.refresh(jar, 99);
      const ask = async (): Promise<string> => {
        const access = await codeOf(stage.sessions.authenticate(accessToken));
        return `${(await stage.sessions.story(record.sid))?.state}, ${(await stage.sessions.list("u")).length}, ${access}`;
      };
      return [signedInAt + session, ask];
    },
    answers: late("expired, 0, invalid_token", "live, 1, good"),
  },
  {
    name: "the expiry of an access token",
    set: async ({ signIn, sessions, platform }, { access }) => {
      const { accessToken } = await signIn();
      return [platform.clock.now() + access, () => codeOf(sessions.authenticate(accessToken))];
    },
    answers: late("invalid_token", "good"),
  },
  {
    name: "an entry of the revocation feed: a second, an access-token lifetime and the leeway of verifiers after the end",
    set: async ({ signIn, sessions, platform }, { access }) => {
      const { record } = await signIn();
      await sessions.revoke(record.sid, "revoked");
      const ask = async (): Promise<string> => `${(await sessions.revocations()).revocations.length} told`;
      return [platform.clock.now() + second + access + leewaySecondsMax * second, ask];
    },
    answers: late("0 told", "1 told"),
  },
  {
    name: "the purge of an ended session",
    set: async ({ signIn, sessions, platform }) => {
      const { record } = await signIn();
      await sessions.revoke(record.sid, "revoked");
      const ask = async (): Promise<string> => {
        await sessions.purge(undefined, 3600);
        return (await sessions.story(record.sid))?.state ?? "gone";
      };
      return [platform.clock.now() + 3600 * second, ask];
    },
    answers: late("gone", "ended"),
  },
];

/** Refreshes until shortly before the session's absolute end. */
async function keepAlive(
  { signIn, refresh, platform }: Stage,
  session: number,
): Promise<{ jar: string; signedInAt: number }> {
  const signedInAt = platform.clock.now();
  let jar = tokenOf(await signIn());
  for (let step = 1; step <= 9; step += 1) {
    platform.clock.set(signedInAt + Math.floor((step * session) / 10));
    jar = tokenOf(await refresh(jar, step));
  }
  return { jar, signedInAt };
}

boundaryTable([...deadlines, ...rotation, ...lifetimes]);

it("seconds are rounded so that nothing outlives its session: a sign-in in the last millisecond of a second", async () => {
  const stage = await openStage({ accessTtlSeconds: 10, idleTtlSeconds: 10, sessionTtlSeconds: 10 });
  stage.platform.clock.advance(999);
  const signedInAt = stage.platform.clock.now();
  const grant = await stage.signIn();
  assert.deepEqual([grant.expiresIn, grant.refreshTokenTimeout, grant.authorizationExpiresIn], [10, 10, 10]);
  stage.platform.clock.set(signedInAt + 9_000);
  assert.equal(await codeOf(stage.sessions.authenticate(grant.accessToken)), "good");
  const next = await stage.refresh(tokenOf(grant), 1);
  assert.deepEqual([next.expiresIn, next.refreshTokenTimeout, next.authorizationExpiresIn], [1, 1, 1]);
  stage.platform.clock.advance(1);
  for (const { accessToken } of [grant, next]) {
    assert.equal(await codeOf(stage.sessions.authenticate(accessToken)), "invalid_token");
  }
  assert.equal(await outcome(stage.refresh(tokenOf(next), 2)), "refresh_token_expired");
});
