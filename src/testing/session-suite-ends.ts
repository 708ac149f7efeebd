// Promises about how sessions end on a store: revocation, limits, expiry to the millisecond, purge. Part of
// session-suite.ts.

import assert from "node:assert/strict";
import { it } from "node:test";
import type { OpenScene } from "./session-suite-scene.ts";
import { attempt, tokenOf } from "./session-suite-scene.ts";

const stepsMax = 100;

/** Declares them. */
export function endPromises(open: OpenScene): void {
  it("ends a session by logout with any of its tokens, once", async (t) => {
    const { sessions, store, rotate, signIn, stored, platform } = await open(t);
    const { grant, token } = await signIn();
    const newest = await rotate(await rotate(token, attempt(1)), attempt(2));
    assert.equal(await sessions.logout({ refreshToken: token, sid: "A".repeat(22) }), "mismatch");
    assert.equal(await sessions.logout({ refreshToken: token }), "ended");
    assert.equal(await sessions.logout({ refreshToken: newest }), "already");
    assert.equal((await stored(grant.record.sid)).ended?.reason, "logout");
    await assert.rejects(sessions.refresh({ refreshToken: newest }), { code: "session_revoked" });
    const page = await store.revocationsAfter(undefined, Math.floor(platform.clock.now() / 1000), 10);
    assert.equal(page.revocations.length, 1);
    assert.deepEqual(await sessions.list("ana"), []);
  });

  it("ends all sessions of a subject but one, and nobody else's", async (t) => {
    const { sessions, store, signIn } = await open(t);
    const mine = [await signIn(), await signIn(), await signIn()];
    const other = await signIn("bob");
    const kept = mine[1]?.grant.record.sid as string;
    assert.equal(await sessions.revokeAll("ana", "password_change", kept), 2);
    assert.deepEqual(
      (await sessions.list("ana")).map((record) => record.sid),
      [kept],
    );
    assert.equal((await sessions.list("bob")).length, 1);
    await sessions.authenticate(other.grant.accessToken);
    assert.equal((await store.revocationsAfter(undefined, 0, 10)).revocations.length, 2);
    assert.equal(await sessions.revokeAll("ana", "password_change", kept), 0);
  });

  it("ends every session of a subject, whatever lies in front of it", async (t) => {
    const { sessions, store, signIn } = await open(t, { sessionsMax: 2 });
    const old = await signIn();
    for (let round = 0; round < 3; round += 1) {
      const { grant } = await signIn();
      await sessions.revoke(grant.record.sid, "logout");
    }
    assert.equal((await store.listAll(undefined, 10)).length, 4);
    assert.deepEqual(
      (await store.listBySubject("ana", 1)).map((record) => record.sid),
      [old.grant.record.sid],
      "ended sessions take no place on the list",
    );
    assert.equal(await sessions.revokeAll("ana", "password_change"), 1);
    await assert.rejects(sessions.refresh({ refreshToken: old.token }), { code: "session_revoked" });
  });

  it("ends the least recently used session beyond the limit", async (t) => {
    const { sessions, signIn, rotate, stored, platform } = await open(t, { sessionsMax: 3 });
    const signedIn = [];
    for (let count = 0; count < 3; count += 1) {
      signedIn.push(await signIn());
      platform.clock.advance(1000);
    }
    await rotate(signedIn[0]?.token as string, attempt(1));
    platform.clock.advance(1000);
    await signIn();
    const ends = await Promise.all(signedIn.map(({ grant }) => stored(grant.record.sid)));
    assert.deepEqual(
      ends.map((record) => record.ended?.reason),
      [undefined, "session_limit", undefined],
    );
    assert.equal((await sessions.list("ana")).length, 3);
  });

  it("holds the session limit when many sign in at once", async (t) => {
    const { sessions, signIn, platform } = await open(t, { sessionsMax: 3 });
    await Promise.all(Array.from({ length: 20 }, () => signIn()));
    platform.clock.advance(1000);
    const last = await signIn();
    const live = await sessions.list("ana");
    assert.ok(live.length <= 3, `${live.length} live sessions`);
    assert.equal(live[0]?.sid, last.grant.record.sid);
  });

  it("lets an access token live to its last millisecond and no longer", async (t) => {
    const { sessions, signIn, platform } = await open(t, { accessTtlSeconds: 900 });
    const { grant } = await signIn();
    platform.clock.advance(grant.expiresIn * 1000 - 1);
    assert.equal((await sessions.authenticate(grant.accessToken)).sid, grant.record.sid);
    platform.clock.advance(1);
    await assert.rejects(sessions.authenticate(grant.accessToken), { code: "invalid_token" });
  });

  it("lets an unused session live to the last millisecond of its idle lifetime and no longer", async (t) => {
    const { sessions, signIn, platform } = await open(t, { idleTtlSeconds: 1000 });
    const [one, other] = [await signIn(), await signIn("bob")];
    platform.clock.advance(1_000_000 - 1);
    assert.equal((await sessions.list("ana")).length, 1);
    const successor = tokenOf(await sessions.refresh({ refreshToken: one.token }));
    platform.clock.advance(1);
    await assert.rejects(sessions.refresh({ refreshToken: other.token }), { code: "refresh_token_expired" });
    assert.deepEqual(await sessions.list("bob"), []);
    assert.equal(await sessions.logout({ refreshToken: other.token }), "unknown");
    platform.clock.advance(999_000 - 2);
    assert.equal((await sessions.refresh({ refreshToken: successor })).outcome, "rotated");
  });

  it("ends a session at the last millisecond of its absolute lifetime, however much it is used", async (t) => {
    const { sessions, signIn, rotate, platform } = await open(t, { sessionTtlSeconds: 1000, idleTtlSeconds: 600 });
    const { grant, token } = await signIn();
    platform.clock.advance(500_000);
    const first = await rotate(token, attempt(1));
    platform.clock.advance(400_000);
    const second = await sessions.refresh({ refreshToken: first, attempt: attempt(2) });
    assert.equal(second.authorizationExpiresIn, 100);
    assert.equal(second.refreshTokenTimeout, 100, "never beyond the end of the session");
    assert.equal(second.expiresIn, 100);
    platform.clock.advance(100_000 - 1);
    await sessions.authenticate(second.accessToken);
    assert.equal((await sessions.story(grant.record.sid))?.state, "live");
    platform.clock.advance(1);
    await assert.rejects(sessions.authenticate(second.accessToken), { code: "invalid_token" });
    await assert.rejects(sessions.refresh({ refreshToken: tokenOf(second) }), { code: "refresh_token_expired" });
    assert.notEqual((await sessions.story(grant.record.sid))?.state, "live");
  });

  it("purges sessions that have been over for long, feed entries that lapsed, and nothing else", async (t) => {
    const { sessions, store, signIn, platform } = await open(t, { idleTtlSeconds: 100_000 });
    const ended = await signIn();
    const unused = await signIn();
    await sessions.revoke(ended.grant.record.sid, "revoked");
    platform.clock.advance(100_000_000);
    const live = await signIn();
    const purge = async (): Promise<number> => {
      let removed = 0;
      let from: string | undefined;
      for (let steps = 0; steps < stepsMax; steps += 1) {
        const step = await sessions.purge(from);
        removed += step.removed;
        from = step.next;
        if (from === undefined) return removed;
      }
      return assert.fail("the purge does not come to an end");
    };
    assert.equal(await purge(), 1, "the feed entry");
    assert.equal((await store.listAll(undefined, 10)).length, 3, "kept, so that their end can be explained");
    for (let refreshed = live.token, step = 0; step < 7; step += 1) {
      platform.clock.advance(90_000_000);
      refreshed = tokenOf(await sessions.refresh({ refreshToken: refreshed, attempt: attempt(step) }));
    }
    assert.equal(await purge(), 2);
    assert.deepEqual(
      (await store.listAll(undefined, 10)).map((record) => record.sid),
      [live.grant.record.sid],
    );
    await assert.rejects(sessions.refresh({ refreshToken: unused.token }), { code: "refresh_token_expired" });
    assert.equal(await sessions.story(ended.grant.record.sid), undefined);
  });

  it("answers an authentic token of a session that is gone", async (t) => {
    const { sessions, store, signIn } = await open(t);
    const { grant, token } = await signIn();
    await store.purge(() => true, 0, undefined, 10);
    await assert.rejects(sessions.refresh({ refreshToken: token }), { code: "session_expired" });
    await assert.rejects(sessions.authenticate(grant.accessToken), { code: "invalid_token" });
    assert.equal(await sessions.logout({ refreshToken: token }), "already");
  });
}
