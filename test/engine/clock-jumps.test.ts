// The server's clock jumps, forward and back, at every point of a session's life: between requests, between read and
// commit, before and after them. Small steps never end a session; a leap over a lifetime is a verdict of time, which is
// taken back with the clock; nothing handed out outlives the session's absolute end.

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { PawlError } from "../../src/core/errors.ts";
import type { Grant } from "../../src/engine/types.ts";
import { memoryStore } from "../../src/stores/memory.ts";
import type { FaultyStore } from "../../src/testing/faulty-store.ts";
import { createFaultyStore } from "../../src/testing/faulty-store.ts";
import type { Stage } from "./stage.ts";
import { day, grace, openStage, second, tokenOf, year, zone } from "./stage.ts";

interface Scene extends Stage {
  readonly store: FaultyStore;
  readonly sid: string;
  /** Seconds. */
  readonly endsAt: number;
  jar: string;
  attempts: number;
  /** Every grant, with the instant of its answer. */
  readonly grants: { readonly grant: Grant; readonly at: number }[];
}

async function openScene(): Promise<Scene> {
  const below = memoryStore();
  const store = createFaultyStore(below);
  const stage = await openStage({ store }, below);
  const grant = await stage.signIn();
  const { sid, expiresAt } = grant.record;
  return { ...stage, store, sid, endsAt: expiresAt, jar: tokenOf(grant), attempts: 0, grants: [] };
}

const triesMax = 4;

/** An honest client: one attempt until it has an answer. Rejects with a terminal code only. */
async function present(scene: Scene, token: () => string, key: number | undefined): Promise<Grant> {
  for (let tries = 1; ; tries += 1) {
    try {
      const grant = await scene.refresh(token(), key);
      scene.grants.push({ grant, at: scene.platform.clock.now() });
      return grant;
    } catch (error) {
      assert.ok(error instanceof PawlError, String(error));
      assert.ok(error.terminal || ["store_unavailable", "refresh_token_superseded"].includes(error.code), error.code);
      if (error.terminal || tries === triesMax) throw error;
    }
  }
}

async function refresh(scene: Scene, withKey = true): Promise<void> {
  scene.attempts += 1;
  const grant = await present(scene, () => scene.jar, withKey ? scene.attempts : undefined);
  scene.jar = grant.refreshToken ?? scene.jar;
}

async function confirm(scene: Scene): Promise<void> {
  await scene.confirm(scene.jar).catch((error: PawlError) => {
    assert.equal(error.code, "store_unavailable");
  });
}

type Step = readonly [name: string, act: (scene: Scene) => Promise<unknown> | unknown];

const life: readonly Step[] = [
  ["refresh", (scene) => refresh(scene)],
  [
    "a lost answer, asked for again",
    async (scene) => {
      await present(scene, () => scene.jar, scene.attempts + 1);
      await refresh(scene);
    },
  ],
  ["confirm", confirm],
  ["refresh without a key", (scene) => refresh(scene, false)],
  ["time", ({ platform }) => platform.clock.advance(900 * second)],
  [
    "two tabs at once, the second answer stays",
    async (scene) => {
      const before = scene.jar;
      scene.attempts += 2;
      await present(scene, () => before, scene.attempts - 1);
      const grant = await present(scene, () => before, scene.attempts);
      scene.jar = grant.refreshToken ?? scene.jar;
    },
  ],
  ["settle", (scene) => refresh(scene)],
  ["time", ({ platform }) => platform.clock.advance(zone)],
  ["refresh", (scene) => refresh(scene)],
  ["re-authenticate", ({ sessions, sid }) => sessions.reauthenticate(sid).catch(() => undefined)],
];

async function goOn(scene: Scene): Promise<void> {
  for (let step = 0; step < 6; step += 1) {
    await refresh(scene);
    if (step % 2 === 0) await confirm(scene);
    scene.platform.clock.advance(step < 2 ? second : zone);
  }
}

/** What was handed out dies with the session, whatever the clock said when it was made. */
function assertBounded({ grants, endsAt }: Scene, where: string): void {
  for (const { grant, at } of grants) {
    const { exp } = JSON.parse(Buffer.from(grant.accessToken.split(".")[1] as string, "base64url").toString());
    assert.ok(exp <= endsAt, `${where}: an access token outlives its session`);
    assert.ok(grant.expiresIn > 0 && grant.refreshTokenTimeout > 0, `${where}: handed out when it was over`);
    assert.ok(Math.floor(at / 1000) + grant.authorizationExpiresIn <= endsAt + grace / 1000, where);
    if (grant.refreshToken === undefined) continue;
    const bytes = Buffer.from(grant.refreshToken.slice("pawl_rt_".length), "base64url");
    assert.ok(bytes.readUIntBE(22, 5) <= endsAt, `${where}: a refresh token outlives its session`);
  }
}

const small: readonly number[] = [second, grace, zone - 1].flatMap((by) => [by, -by]);
const large: readonly number[] = [zone, day, -zone, -day];
/** Where in a request the clock jumps; `between` = before it begins. */
const places = ["between", "read before", "read after", "commit before", "commit after"] as const;

/** Lives up to `index`, where the clock jumps by `by`; later it comes back or not. */
async function liveWithJump(index: number, place: (typeof places)[number], by: number, back: number): Promise<Scene> {
  const scene = await openScene();
  const { clock } = scene.platform;
  for (const [position, [, act]] of life.entries()) {
    if (position === index) {
      const [method, side] = place.split(" ");
      const jump = (): void => clock.advance(by);
      if (place === "between") jump();
      else {
        scene.store.play((call) =>
          call.method === method && call.turn === 0 ? { kind: "late", [side as string]: jump } : undefined,
        );
      }
    }
    if (position === index + back) clock.advance(-by);
    await act(scene);
    scene.store.play(undefined);
  }
  await goOn(scene);
  return scene;
}

describe("the server's clock jumps", () => {
  for (const [size, steps] of [
    ["less than a soft zone", small],
    ["an hour or a day", large],
  ] as const) {
    for (const place of places) {
      it(`by ${size}, ${place}, at every point: the session lives, whether or not the clock comes back`, async () => {
        for (const by of steps) {
          for (let index = 0; index < life.length; index += 1) {
            for (const back of [1, 3, Number.POSITIVE_INFINITY]) {
              const where = `${by} ms at "${life[index]?.[0]}" (${index}), back after ${back}`;
              const scene = await liveWithJump(index, place, by, back).catch((error: unknown) => {
                assert.fail(`${where}: ${String(error)}`);
              });
              assertBounded(scene, where);
              assert.equal((await scene.stored(scene.sid)).ended, undefined, where);
              assert.deepEqual((await scene.sessions.revocations()).revocations, [], where);
            }
          }
        }
      });
    }
  }

  it("over the idle lifetime and over the end: expired while it lasts, alive when the clock is back", async () => {
    for (const by of [7 * day, 30 * day, year]) {
      for (let length = 0; length <= life.length; length += 1) {
        const scene = await openScene();
        const { sessions, platform, jar: first } = scene;
        for (const [, act] of life.slice(0, length)) await act(scene);
        const { accessToken } = await sessions.reauthenticate(scene.sid);
        const where = `${by} ms after ${length} steps`;
        const before = await scene.stored(scene.sid);
        platform.clock.advance(by);
        for (const token of [scene.jar, first]) {
          await assert.rejects(scene.refresh(token, 500), { code: "refresh_token_expired" }, where);
          await assert.rejects(scene.confirm(token), { code: "refresh_token_expired" }, where);
          assert.equal(await sessions.logout({ refreshToken: token }), "unknown", where);
        }
        await assert.rejects(sessions.authenticate(accessToken), { code: "invalid_token" }, where);
        await assert.rejects(sessions.reauthenticate(scene.sid), { code: "invalid_token" }, where);
        assert.deepEqual(await sessions.list("u"), [], where);
        assert.equal(await sessions.revoke(scene.sid, "revoked"), false, where);
        assert.deepEqual(await scene.stored(scene.sid), before, `${where}: nothing was ended`);
        platform.clock.advance(-by);
        await sessions.authenticate(accessToken);
        await assert.doesNotReject(goOn(scene), where);
      }
    }
  });

  it("over the end in the middle of a request: session_expired, nothing handed out, alive when it is back", async () => {
    for (const side of ["before", "after"] as const) {
      const scene = await openScene();
      const { platform, store, sessions } = scene;
      // The request's own deadline is not what is looked at here.
      const deadlineAt = Number.POSITIVE_INFINITY;
      store.play(({ method }) =>
        method === "read" ? { kind: "late", [side]: () => platform.clock.advance(year) } : undefined,
      );
      const asked = sessions.refresh({ refreshToken: scene.jar, deadlineAt });
      await assert.rejects(asked, { code: "session_expired" });
      store.play(undefined);
      platform.clock.advance(-year);
      await goOn(scene);
    }
  });

  it("back, after tokens were issued: what is revoked is told with an entry that covers them", async () => {
    for (const by of [second, zone, day]) {
      for (const ending of ["revoke", "revokeAll", "logout"] as const) {
        const scene = await openScene();
        const { platform, sessions } = scene;
        platform.clock.advance(by);
        await refresh(scene);
        const { accessToken } = (scene.grants[0] as { grant: Grant }).grant;
        platform.clock.advance(-by);
        if (ending === "revoke") await sessions.revoke(scene.sid, "revoked");
        else if (ending === "revokeAll") await sessions.revokeAll("u", "password_change");
        else await sessions.logout({ refreshToken: scene.jar });
        const [entry] = (await sessions.revocations()).revocations;
        const { iat, exp } = JSON.parse(Buffer.from(accessToken.split(".")[1] as string, "base64url").toString());
        assert.ok(entry !== undefined && iat < entry.notBefore, `${by}: issued before what the entry says`);
        assert.ok(exp <= entry.exp, `${by}: the entry lives as long as the token`);
      }
    }
  });

  it("back, after a re-authentication: the entry covers its token, too", async () => {
    const scene = await openScene();
    const { platform, sessions } = scene;
    platform.clock.advance(day);
    const { accessToken } = await sessions.reauthenticate(scene.sid);
    platform.clock.advance(-day);
    await sessions.revoke(scene.sid, "revoked");
    const [entry] = (await sessions.revocations()).revocations;
    const { iat } = JSON.parse(Buffer.from(accessToken.split(".")[1] as string, "base64url").toString());
    assert.ok(entry !== undefined && iat < entry.notBefore);
  });

  it("back by a year at a sign-in: the session lives by the clock it was made under, and makes no exception", async () => {
    const scene = await openScene();
    scene.platform.clock.advance(-year);
    const grant = await scene.signIn();
    await scene.refresh(tokenOf(grant), 1);
    scene.platform.clock.advance(year);
    await assert.rejects(scene.refresh(tokenOf(grant), 2), { code: "refresh_token_expired" });
    assert.equal((await scene.sessions.list("u")).length, 1);
    await goOn(scene);
  });
});
