// The engine around the rules: issue, list, limit, authenticate, revoke, feed, events, story, purge, deadlines, races.

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { SessionEvent } from "../../src/core/events.ts";
import type { Store } from "../../src/core/ports.ts";
import { createSessions } from "../../src/engine/create-sessions.ts";
import type { Grant, Sessions, SessionsOptions } from "../../src/engine/types.ts";
import { memoryStore } from "../../src/stores/memory.ts";
import type { SimulatedPlatform } from "../../src/testing/simulated.ts";
import { createSimulatedPlatform } from "../../src/testing/simulated.ts";

const key = (n: number): string => `attempt-number-${String(n).padStart(5, "0")}`;
const token = (grant: Grant): string => grant.refreshToken as string;

interface Stage {
  readonly platform: SimulatedPlatform;
  readonly sessions: Sessions;
  readonly store: Store;
  readonly events: SessionEvent[];
  readonly signIn: (subject?: string) => Promise<Grant>;
}
async function stage(
  options: Partial<SessionsOptions> = {},
  timers: "machine" | "simulated" = "machine",
): Promise<Stage> {
  const platform = createSimulatedPlatform({ timers });
  const store = options.store ?? memoryStore();
  const sessions = await createSessions({ platform, ...options, store });
  const events: SessionEvent[] = [];
  sessions.subscribe((event) => events.push(event));
  return {
    platform,
    sessions,
    store,
    events,
    signIn: (subject = "u") => sessions.issue({ subject, transport: "body" }),
  };
}
/** The store, counting calls. */
function counting(store: Store): { store: Store; calls: string[] } {
  const calls: string[] = [];
  const counted: Store = {
    ...store,
    read: (sid) => {
      calls.push("read");
      return store.read(sid);
    },
    commit: (...input) => {
      calls.push("commit");
      return store.commit(...input);
    },
  };
  return { store: counted, calls };
}

describe("issue", () => {
  test("input is checked; nothing is stored for bad input", async () => {
    const { sessions } = await stage();
    const bad = [
      { subject: "" },
      { subject: "x".repeat(256) },
      { subject: "u", transport: "carrier" },
      { subject: "u", label: "x".repeat(65) },
      { subject: "u", amr: ["x".repeat(33)] },
      { subject: "u", amr: Array.from({ length: 9 }, () => "a") },
      { subject: "u", amr: "pwd" },
      { subject: "u", clientId: "" },
      ...[0, -1, 1.5, "1", Number.NaN, 1e12].map((authTime) => ({ subject: "u", authTime })),
    ];
    for (const input of bad) {
      await assert.rejects(sessions.issue(input as Parameters<Sessions["issue"]>[0]), { code: "invalid_request" });
    }
    assert.deepEqual(await sessions.listAll(undefined, 10), []);
  });

  test("the grant's numbers, and an access token that never outlives its session", async () => {
    const { sessions, platform, signIn } = await stage({ sessionTtlSeconds: 1000, idleTtlSeconds: 900 });
    const grant = await signIn();
    assert.equal(grant.expiresIn, 900);
    assert.equal(grant.refreshTokenTimeout, 900);
    assert.equal(grant.authorizationExpiresIn, 1000);
    platform.clock.advance(500_000);
    const next = await sessions.refresh({ refreshToken: token(grant) });
    assert.equal(next.expiresIn, 500);
    assert.equal(next.refreshTokenTimeout, 500);
    assert.equal(next.authorizationExpiresIn, 500);
  });

  test("a limit of one and ten sign-ins at once leave exactly one session", async () => {
    const { sessions, signIn } = await stage({ sessionsMax: 1 });
    await Promise.all(Array.from({ length: 10 }, () => signIn()));
    assert.equal((await sessions.list("u")).length, 1);
  });

  test("the largest limit is kept, too, and expired rows do not hide older sessions from revokeAll", async () => {
    const { sessions, signIn, platform } = await stage({ sessionsMax: 1000, idleTtlSeconds: 100 });
    const old = await signIn();
    let kept = token(old);
    for (let n = 0; n < 1020; n += 1) {
      platform.clock.advance(100);
      await signIn();
      if (n % 500 === 0) kept = token(await sessions.refresh({ refreshToken: kept, attempt: key(n) }));
    }
    assert.equal((await sessions.list("u")).length <= 1000, true);
    assert.equal((await sessions.story(old.record.sid))?.state, "live");
    await sessions.revokeAll("u", "password_change");
    assert.equal((await sessions.story(old.record.sid))?.reason, "password_change");
    assert.deepEqual(await sessions.list("u"), []);
  });

  test("the least recently used session makes room, and says why it ended", async () => {
    const { sessions, platform, signIn, events } = await stage({ sessionsMax: 3 });
    const grants: Grant[] = [];
    for (let n = 0; n < 3; n += 1) {
      platform.clock.advance(1000);
      grants.push(await signIn());
    }
    platform.clock.advance(1000);
    await sessions.refresh({ refreshToken: token(grants[0] as Grant) });
    const newest = await signIn();
    const live = (await sessions.list("u")).map((record) => record.sid);
    assert.deepEqual(new Set(live), new Set([newest, grants[2], grants[0]].map((grant) => grant?.record.sid)));
    assert.equal(live[0], newest.record.sid, "newest first");
    const ended = events.find((event) => event.type === "session_revoked");
    assert.equal(ended?.sid, grants[1]?.record.sid);
    assert.equal(ended?.reason, "session_limit");
    assert.equal((await sessions.story(grants[1]?.record.sid as string))?.reason, "session_limit");
  });
});

describe("refresh", () => {
  test("is two store calls and one write; junk is none", async () => {
    const { store, calls } = counting(memoryStore());
    const { sessions, signIn } = await stage({ store });
    const grant = await signIn();
    calls.length = 0;
    await sessions.refresh({ refreshToken: token(grant), attempt: key(1) });
    assert.deepEqual(calls, ["read", "commit"]);
    calls.length = 0;
    const flipped = `${token(grant).slice(0, 60)}${token(grant)[60] === "A" ? "B" : "A"}${token(grant).slice(61)}`;
    await assert.rejects(sessions.refresh({ refreshToken: flipped }), { code: "refresh_token_invalid" });
    await assert.rejects(sessions.refresh({ refreshToken: token(grant), attempt: "short" }), {
      code: "invalid_request",
    });
    assert.deepEqual(calls, []);
  });

  test("an expired token is refused without the store, to the millisecond, and ends nothing", async () => {
    const { store, calls } = counting(memoryStore());
    const { sessions, platform, signIn } = await stage({ store });
    const grant = await signIn();
    const expiresAt = grant.record.currentExpiresAt * 1000;
    platform.clock.set(expiresAt - 1);
    await sessions.confirm({ refreshToken: token(grant) });
    platform.clock.set(expiresAt);
    calls.length = 0;
    for (const act of [sessions.refresh, sessions.confirm]) {
      await assert.rejects(act({ refreshToken: token(grant) }), { code: "refresh_token_expired" });
    }
    assert.equal(await sessions.logout({ refreshToken: token(grant) }), "unknown");
    assert.deepEqual(calls, []);
  });

  test("an unknown session is expired, a revoked one revoked, a reused one reused once", async () => {
    const { sessions, platform, signIn, store } = await stage();
    const grant = await signIn();
    const next = await sessions.refresh({ refreshToken: token(grant), attempt: key(1) });
    await sessions.confirm({ refreshToken: token(next) });
    platform.clock.advance(60_000);
    const replay = (): Promise<Grant> => sessions.refresh({ refreshToken: token(grant), attempt: key(2) });
    await assert.rejects(replay(), { code: "refresh_token_reused" });
    await assert.rejects(replay(), { code: "session_revoked" });
    await assert.rejects(sessions.authenticate(next.accessToken), { code: "invalid_token" });
    await store.purge(() => true, 0, undefined, 100);
    await assert.rejects(replay(), { code: "session_expired" });
  });

  test("after its deadline a request hands out nothing", async () => {
    const { sessions, platform, signIn, store } = await stage();
    const grant = await signIn();
    const late = { refreshToken: token(grant), deadlineAt: platform.clock.now() };
    await assert.rejects(sessions.refresh(late), { code: "store_unavailable" });
    assert.equal((await store.read(grant.record.sid))?.version, 1);
  });

  test("remembers where it was seen last", async () => {
    const { sessions, signIn } = await stage();
    const grant = await signIn();
    const next = await sessions.refresh({ refreshToken: token(grant), userAgent: "x".repeat(300), ip: "192.0.2.1" });
    assert.equal(next.record.userAgent.length, 255);
    assert.equal(sessions.view(next.record).ip, "192.0.2.1");
  });

  test("fifty at once, all having read before any commits: all answered, one row", async () => {
    const plain = memoryStore();
    let waiting: (() => void)[] = [];
    let gated = false;
    const store: Store = {
      ...plain,
      read: async (sid) => {
        const record = await plain.read(sid);
        if (gated) {
          await new Promise<void>((resolve) => {
            waiting.push(resolve);
            if (waiting.length === 50) {
              gated = false;
              for (const release of waiting.splice(0)) release();
            }
          });
        }
        return record;
      },
    };
    const { sessions, signIn, platform } = await stage({ store });
    const grant = await signIn();
    gated = true;
    waiting = [];
    const answers = await Promise.all(
      Array.from({ length: 50 }, (_, n) => sessions.refresh({ refreshToken: token(grant), attempt: key(n) })),
    );
    assert.equal(new Set(answers.map(token)).size, 50);
    assert.equal((await sessions.listAll(undefined, 10)).length, 1);
    platform.clock.advance(60_000);
    await sessions.refresh({ refreshToken: token(answers[7] as Grant), attempt: key(99) });
    await assert.rejects(sessions.refresh({ refreshToken: token(answers[8] as Grant), attempt: key(98) }), {
      code: "refresh_token_reused",
    });
  });

  test("a compare-and-set that is always lost ends in 503, not in a verdict", async () => {
    const plain = memoryStore();
    let lose = false;
    const store: Store = { ...plain, commit: async (...input) => !lose && plain.commit(...input) };
    const { sessions, signIn } = await stage({ store });
    const grant = await signIn();
    lose = true;
    await assert.rejects(sessions.refresh({ refreshToken: token(grant) }), { code: "store_unavailable" });
    await assert.rejects(sessions.logout({ refreshToken: token(grant) }), { code: "store_unavailable" });
    await assert.rejects(sessions.reauthenticate(grant.record.sid), { code: "store_unavailable" });
    lose = false;
    await sessions.refresh({ refreshToken: token(grant) });
  });

  test("a revocation between read and commit wins over the refresh", async () => {
    const plain = memoryStore();
    let between: (() => Promise<unknown>) | undefined;
    const store: Store = {
      ...plain,
      commit: async (...input) => {
        const act = between;
        between = undefined;
        await act?.();
        return plain.commit(...input);
      },
    };
    const { sessions, signIn } = await stage({ store });
    const grant = await signIn();
    between = () => sessions.revoke(grant.record.sid, "revoked");
    await assert.rejects(sessions.refresh({ refreshToken: token(grant) }), { code: "session_revoked" });
  });
});

describe("ending", () => {
  test("logout takes any generation, only of the session named, and repeats harmlessly", async () => {
    const { sessions, signIn, platform } = await stage();
    const grant = await signIn();
    const next = await sessions.refresh({ refreshToken: token(grant), attempt: key(1) });
    await sessions.confirm({ refreshToken: token(next) });
    const other = await signIn();
    assert.equal(await sessions.logout({ refreshToken: token(grant), sid: other.record.sid }), "mismatch");
    await sessions.authenticate(next.accessToken);
    platform.clock.advance(600_000);
    assert.equal(await sessions.logout({ refreshToken: token(grant), sid: grant.record.sid }), "ended");
    assert.equal(await sessions.logout({ refreshToken: token(grant) }), "already");
    await assert.rejects(sessions.authenticate(next.accessToken), { code: "invalid_token" });
    await sessions.authenticate(other.accessToken);
  });

  test("revoke respects the owner; revokeAll spares the exception and nobody else", async () => {
    const { sessions, signIn } = await stage();
    const mine = [await signIn(), await signIn(), await signIn()];
    const theirs = await signIn("other");
    assert.equal(await sessions.revoke(theirs.record.sid, "revoked", "u"), false);
    assert.equal(await sessions.revoke("nonsense", "revoked"), false);
    assert.equal(await sessions.revokeAll("u", "password_change", mine[1]?.record.sid), 2);
    assert.deepEqual(
      (await sessions.list("u")).map((record) => record.sid),
      [mine[1]?.record.sid],
    );
    assert.equal((await sessions.list("other")).length, 1);
  });

  test("revokeAll can spare what began later", async () => {
    const { sessions, signIn, platform } = await stage();
    await signIn();
    platform.clock.advance(10);
    const later = await signIn();
    assert.equal(await sessions.revokeAll("u", "password_change", undefined, platform.clock.now()), 1);
    assert.deepEqual(
      (await sessions.list("u")).map((record) => record.sid),
      [later.record.sid],
    );
  });

  test("the feed tells each ending once, resumes at the cursor, and lets entries go", async () => {
    const { sessions, signIn, platform } = await stage();
    const grants = [await signIn(), await signIn()];
    const start = await sessions.revocations();
    assert.deepEqual(start.revocations, []);
    await sessions.revoke(grants[0]?.record.sid as string, "revoked");
    const first = await sessions.revocations(start.cursor);
    const seconds = Math.floor(platform.clock.now() / 1000) + 1;
    assert.deepEqual(first.revocations, [{ sid: grants[0]?.record.sid, notBefore: seconds, exp: seconds + 900 }]);
    await sessions.logout({ refreshToken: token(grants[1] as Grant) });
    const second = await sessions.revocations(first.cursor);
    assert.deepEqual(
      second.revocations.map((entry) => entry.sid),
      [grants[1]?.record.sid],
    );
    assert.equal((await sessions.revocations()).revocations.length, 2);
    platform.clock.advance(901_000);
    assert.equal((await sessions.revocations()).revocations.length, 2, "a verifier may allow for a leeway of a minute");
    platform.clock.advance(60_000);
    assert.equal((await sessions.revocations()).revocations.length, 0);
  });
});

describe("views, events, purge", () => {
  test("times are coarsened, secrets and hashes are not there", async () => {
    const { sessions, signIn, platform } = await stage();
    const grant = await signIn();
    platform.clock.advance(401_000);
    const { record } = await sessions.refresh({ refreshToken: token(grant) });
    const view = sessions.view(record);
    assert.equal(view.last_seen_at % 300, 0);
    assert.equal(view.idle_expires_at % 300, 0);
    assert.deepEqual(Object.keys(view).sort(), [
      "amr",
      "auth_time",
      "bound",
      "created_at",
      "expires_at",
      "id",
      "idle_expires_at",
      "ip",
      "label",
      "last_seen_at",
      "user_agent",
    ]);
  });

  test("events come after the fact, a throwing listener harms nobody, a stopped one is silent", async () => {
    const { sessions, signIn, events } = await stage();
    const stop = sessions.subscribe(() => {
      throw new Error("listener");
    });
    const grant = await signIn();
    await sessions.refresh({ refreshToken: token(grant), attempt: key(1) });
    stop();
    const next = await sessions.refresh({ refreshToken: token(grant), attempt: key(2) });
    await sessions.refresh({ refreshToken: token(next), attempt: key(3) });
    await sessions.reauthenticate(grant.record.sid);
    assert.deepEqual(
      events.map((event) => event.type),
      [
        "session_created",
        "refresh_token_rotated",
        "refresh_token_rotated",
        "refresh_settled",
        "session_reauthenticated",
      ],
    );
    assert.equal(JSON.stringify(events).includes("pawl_rt_"), false);
  });

  test("re-authentication renews auth_time and nothing else", async () => {
    const { sessions, signIn, platform } = await stage();
    const grant = await signIn();
    platform.clock.advance(5000);
    const again = await sessions.reauthenticate(grant.record.sid, ["pwd", "otp"]);
    assert.equal(again.refreshToken, undefined);
    const seen = await sessions.authenticate(again.accessToken);
    assert.equal(seen.authTime, grant.record.authTime + 5);
    assert.deepEqual(seen.record.amr, ["pwd", "otp"]);
    const refreshed = await sessions.refresh({ refreshToken: token(grant) });
    assert.equal((await sessions.authenticate(refreshed.accessToken)).authTime, grant.record.authTime + 5);
    await sessions.revoke(grant.record.sid, "revoked");
    await assert.rejects(sessions.reauthenticate(grant.record.sid), { code: "invalid_token" });
  });

  test("purge keeps a story for a week, runs by itself, and leaves the living alone", async () => {
    const simulated = createSimulatedPlatform();
    const periodic: (() => void)[] = [];
    const every = (_milliseconds: number, task: () => void): (() => void) => {
      periodic.push(task);
      return () => {};
    };
    const { sessions, signIn } = await stage({
      platform: { ...simulated, scheduler: { ...simulated.scheduler, every } },
    });
    const platform = simulated;
    const ended = await signIn();
    const living = await signIn();
    await sessions.revoke(ended.record.sid, "revoked_by_operator");
    await sessions.purge();
    assert.equal((await sessions.story(ended.record.sid))?.state, "ended");
    platform.clock.advance(86_400_000);
    await sessions.refresh({ refreshToken: token(living) });
    platform.clock.advance(6 * 86_400_000 - 1);
    assert.equal((await sessions.purge()).removed, 1, "the feed entry alone");
    platform.clock.advance(1);
    for (const task of periodic) task();
    await new Promise((resolve) => setImmediate(resolve));
    assert.equal(await sessions.story(ended.record.sid), undefined);
    assert.equal((await sessions.story(living.record.sid))?.state, "live");
    assert.equal((await sessions.purge(undefined, 0)).removed, 0);
  });

  test("an idle session is over for its access token and its lists, too", async () => {
    const { sessions, signIn, platform } = await stage({ idleTtlSeconds: 100 });
    const grant = await signIn();
    platform.clock.advance(99_999);
    await sessions.authenticate(grant.accessToken);
    platform.clock.advance(1);
    await assert.rejects(sessions.authenticate(grant.accessToken), { code: "invalid_token" });
    assert.deepEqual(await sessions.list("u"), []);
    assert.equal((await sessions.story(grant.record.sid))?.state, "idle_expired");
    assert.equal(await sessions.revoke(grant.record.sid, "revoked"), false);
  });
});

test("ping and close reach the store; a networked store needs a secret", async () => {
  const { sessions } = await stage();
  await sessions.ping();
  await sessions.close();
  await assert.rejects(sessions.ping(), { code: "store_unavailable" });
  const { embeddedSecret: _none, ...networked } = memoryStore();
  await assert.rejects(createSessions({ store: networked }), { code: "invalid_option" });
});
