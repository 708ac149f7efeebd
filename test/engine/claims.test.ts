// The application's claims: what the hook may add, what its failure costs (nothing), and their renewal in the middle of
// everything else. Time moves by hand.

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { PawlError } from "../../src/core/errors.ts";
import type { Store } from "../../src/core/ports.ts";
import type { Grant } from "../../src/engine/types.ts";
import { memoryStore } from "../../src/stores/memory.ts";
import { createArrivalGate } from "../../src/testing/arrival-gate.ts";
import { createSimulatedPlatform } from "../../src/testing/simulated.ts";
import { day, openStage, second, tokenOf } from "./stage.ts";

function claimsOf(grant: Grant): Record<string, unknown> {
  return JSON.parse(Buffer.from(grant.accessToken.split(".")[1] as string, "base64url").toString());
}

async function refusal(work: Promise<unknown>): Promise<string> {
  try {
    await work;
  } catch (error) {
    assert.ok(error instanceof PawlError, String(error));
    return error.code;
  }
  return assert.fail("it was not refused");
}

describe("the claims hook", () => {
  it("adds claims at sign-in, refresh and re-authentication, and knows for whom", async () => {
    const asked: unknown[] = [];
    const stage = await openStage({
      claims: (about) => {
        asked.push(about);
        return { roles: ["admin"], tenant: { id: 7, plan: null } };
      },
    });
    const first = await stage.signIn("ana");
    const { sid } = first.record;
    for (const grant of [first, await stage.refresh(tokenOf(first)), await stage.sessions.reauthenticate(sid)]) {
      const { roles, tenant, sub } = claimsOf(grant);
      assert.deepEqual([roles, tenant, sub], [["admin"], { id: 7, plan: null }, "ana"]);
    }
    const about = { subject: "ana", sid, clientId: "first-party", amr: ["pwd"], scope: "" };
    assert.deepEqual(asked, Array(3).fill({ ...about, authTime: first.record.authTime }));
    await stage.sessions.authenticate(first.accessToken);
  });

  const cyclic: Record<string, unknown> = {};
  cyclic.self = cyclic;
  const wrong: Readonly<Record<string, unknown>> = {
    "a registered name": { sub: "eve" },
    "another registered name": { scope: "admin" },
    "a confirmation key": { cnf: { jkt: "x" } },
    "the name of a prototype": JSON.parse('{"__proto__": {"admin": true}}'),
    "too many bytes": { text: "é".repeat(2048) },
    "a cycle": cyclic,
    "a function": { roles: () => [] },
    "a date": { at: new Date(0) },
    "no number": { n: Number.NaN },
    undefined: { n: undefined },
    "half a character": { text: "\ud800" },
    "a list": [],
    nothing: undefined,
    "a text": "admin",
  };
  for (const [name, value] of Object.entries(wrong)) {
    it(`is refused for ${name}, and nothing changes`, async () => {
      let isBad = false;
      const stage = await openStage({ claims: () => (isBad ? (value as Record<string, unknown>) : {}) });
      const grant = await stage.signIn();
      const before = await stage.stored(grant.record.sid);
      isBad = true;
      assert.equal(await refusal(stage.refresh(tokenOf(grant), 1)), "invalid_claims");
      assert.equal(await refusal(stage.sessions.reauthenticate(grant.record.sid)), "invalid_claims");
      assert.equal(await refusal(stage.signIn()), "invalid_claims");
      assert.deepEqual(await stage.stored(grant.record.sid), before);
      assert.equal((await stage.sessions.list("u")).length, 1);
    });
  }

  for (const rotation of ["two-phase", "strict"] as const) {
    it(`loses no rotation when it fails or hangs (${rotation})`, async () => {
      const platform = createSimulatedPlatform({ timers: "simulated" });
      const hanging = createArrivalGate(2);
      let mode: "good" | "throws" | "hangs" = "good";
      const stage = await openStage(
        {
          rotation,
          platform,
          claims: async () => {
            if (mode === "throws") throw new Error("the directory is away");
            if (mode === "hangs") {
              await hanging.arrive();
              await new Promise(() => {});
            }
            return {};
          },
        },
        memoryStore(),
      );
      const grant = await stage.signIn();
      const token = tokenOf(grant);
      const before = await stage.stored(grant.record.sid);
      mode = "throws";
      assert.equal(await refusal(stage.refresh(token, 1)), "store_unavailable");
      mode = "hangs";
      const refused = refusal(stage.refresh(token, 1));
      await hanging.arrive();
      platform.clock.advance(5 * second);
      assert.equal(await refused, "store_unavailable");
      assert.deepEqual(await stage.stored(grant.record.sid), before);
      mode = "good";
      assert.equal((await stage.refresh(token, 1)).outcome, "rotated");
      await stage.sessions.close();
    });
  }

  it("costs nobody a session when it fails at a sign-in beyond the limit", async () => {
    const hanging = createArrivalGate(2);
    let isAway = false;
    const stage = await openStage({
      sessionsMax: 2,
      claims: async () => {
        if (!isAway) return {};
        isAway = false;
        await hanging.arrive();
        throw new Error("the directory is away");
      },
    });
    const first = await stage.signIn();
    isAway = true;
    const failing = refusal(stage.signIn());
    stage.platform.clock.advance(second);
    const second_ = await stage.signIn();
    assert.deepEqual((await stage.sessions.list("u")).length, 2, "what only begins is in no list");
    await hanging.arrive();
    assert.equal(await failing, "store_unavailable");
    for (const grant of [first, second_]) await stage.sessions.authenticate(grant.accessToken);
    const live = (await stage.sessions.list("u")).map(({ sid }) => sid);
    assert.deepEqual(new Set(live), new Set([first.record.sid, second_.record.sid]));
    stage.platform.clock.advance(second);
    await stage.signIn();
    assert.equal((await stage.sessions.list("u")).length, 2, "and the limit holds");
  });

  it("is not asked about a token that is refused: the verdict comes all the same", async () => {
    let isAway = false;
    const stage = await openStage({
      rotation: "strict",
      claims: () => {
        if (isAway) throw new Error("away");
        return {};
      },
    });
    const grant = await stage.signIn();
    await stage.refresh(tokenOf(grant));
    isAway = true;
    assert.equal(await refusal(stage.refresh(tokenOf(grant))), "refresh_token_reused");
  });

  it("must be a function", async () => {
    assert.equal(await refusal(openStage({ claims: {} as never })), "invalid_option");
  });
});

describe("bumpClaims", () => {
  it("refuses the tokens from before, in the same second too, and the next refresh brings good ones", async () => {
    const stage = await openStage();
    const { sessions } = stage;
    const [one, two, other] = [await stage.signIn("ana"), await stage.signIn("ana"), await stage.signIn("bob")];
    assert.equal(await sessions.bumpClaims("ana"), 2);
    for (const { accessToken } of [one, two])
      assert.equal(await refusal(sessions.authenticate(accessToken)), "invalid_token");
    await sessions.authenticate(other.accessToken);
    const { revocations } = await sessions.revocations();
    const [entry, ...more] = revocations;
    assert.deepEqual([entry?.sub, entry?.sid, more], ["ana", undefined, []]);
    const next = await stage.refresh(tokenOf(one));
    await sessions.authenticate(next.accessToken);
    const { iat, exp, auth_time } = claimsOf(next) as Record<string, number>;
    assert.ok((iat as number) >= (entry?.notBefore as number), "the entry spares the new token");
    assert.ok((claimsOf(two).iat as number) < (entry?.notBefore as number));
    assert.ok((entry?.exp as number) >= (claimsOf(two).exp as number), "the entry outlives what it refuses");
    assert.ok((exp as number) > (iat as number));
    assert.equal(auth_time, one.record.authTime);
    assert.equal(await sessions.bumpClaims("nobody"), 0);
  });

  it("again within a second refuses what came between; too often is refused itself", async () => {
    const stage = await openStage();
    let grant = await stage.signIn("ana");
    for (let round = 0; round < 5; round += 1) {
      await stage.sessions.bumpClaims("ana");
      assert.equal(await refusal(stage.sessions.authenticate(grant.accessToken)), "invalid_token", String(round));
      grant = await stage.refresh(tokenOf(grant));
      await stage.sessions.authenticate(grant.accessToken);
    }
    assert.equal(await refusal(stage.sessions.bumpClaims("ana")), "store_unavailable");
    stage.platform.clock.advance(second);
    assert.equal(await stage.sessions.bumpClaims("ana"), 1);
  });

  it("in the middle of a refresh: what it was told before does not get into a good token", async () => {
    let role = "admin";
    let during: (() => Promise<unknown>) | undefined;
    const stage = await openStage({
      claims: async () => {
        const told = { role };
        const work = during;
        during = undefined;
        await work?.();
        return told;
      },
    });
    const grant = await stage.signIn("ana");
    during = async () => {
      role = "guest";
      await stage.sessions.bumpClaims("ana");
    };
    const refreshed = await stage.refresh(tokenOf(grant));
    await stage.sessions.authenticate(refreshed.accessToken);
    assert.equal(claimsOf(refreshed).role, "guest");
  });

  it("in the middle of a sign-in: a session that nobody knew yet gets the new claims all the same", async () => {
    let role = "admin";
    let during: (() => Promise<unknown>) | undefined;
    const stage = await openStage({
      claims: async () => {
        const told = { role };
        const work = during;
        during = undefined;
        await work?.();
        return told;
      },
    });
    during = async () => {
      role = "guest";
      assert.equal(await stage.sessions.bumpClaims("ana"), 1);
    };
    const grant = await stage.signIn("ana");
    assert.equal(claimsOf(grant).role, "guest");
    await stage.sessions.authenticate(grant.accessToken);
    assert.equal((await stage.refresh(tokenOf(grant))).outcome, "rotated");
  });

  it("again and again in the middle of a sign-in, or an end of it there, leaves no session and no token", async () => {
    const events: string[] = [];
    let during: () => Promise<unknown> = async () => undefined;
    const stage = await openStage({
      claims: async () => {
        await during();
        return {};
      },
    });
    stage.sessions.subscribe(({ type }) => events.push(type));
    during = () => stage.sessions.bumpClaims("ana");
    assert.equal(await refusal(stage.signIn("ana")), "store_unavailable");
    assert.deepEqual([await stage.sessions.list("ana"), events], [[], []]);
    during = () => stage.sessions.revokeAll("ana", "revoked");
    assert.equal(await refusal(stage.signIn("ana")), "store_unavailable");
    during = async () => undefined;
    assert.equal((await stage.sessions.listAll(undefined, 10)).length, 0);
    await stage.signIn("ana");
  });

  it("between the claims and the commit, too", async () => {
    let role = "admin";
    let beforeCommit: (() => Promise<unknown>) | undefined;
    const below = memoryStore();
    const store: Store = {
      ...below,
      commit: async (...input) => {
        const work = beforeCommit;
        beforeCommit = undefined;
        await work?.();
        return await below.commit(...input);
      },
    };
    const stage = await openStage({ store, claims: () => ({ role }) }, below);
    const grant = await stage.signIn("ana");
    beforeCommit = async () => {
      role = "guest";
      await stage.sessions.bumpClaims("ana");
    };
    const refreshed = await stage.refresh(tokenOf(grant));
    assert.equal(claimsOf(refreshed).role, "guest");
    await stage.sessions.authenticate(refreshed.accessToken);
  });

  it("a revocation while the hook is asked wins over the refresh", async () => {
    let during: (() => Promise<unknown>) | undefined;
    const stage = await openStage({
      claims: async () => {
        const work = during;
        during = undefined;
        await work?.();
        return {};
      },
    });
    const grant = await stage.signIn("ana");
    during = () => stage.sessions.revoke(grant.record.sid, "revoked");
    assert.equal(await refusal(stage.refresh(tokenOf(grant))), "session_revoked");
  });
});

describe("claims of the sign-in", () => {
  it("auth_time, amr and acr stay through refreshes and are renewed by re-authentication only", async () => {
    const stage = await openStage();
    const first = await stage.sessions.issue({ subject: "u", transport: "body", amr: ["pwd"], acr: "low" });
    const signIn = ["auth_time", "amr", "acr"].map((name) => claimsOf(first)[name]);
    stage.platform.clock.advance(day);
    const later = await stage.refresh(tokenOf(first));
    assert.deepEqual(
      ["auth_time", "amr", "acr"].map((name) => claimsOf(later)[name]),
      signIn,
    );
    const stepped = await stage.sessions.reauthenticate(first.record.sid, ["pwd", "otp"], "high");
    const { auth_time, amr, acr } = claimsOf(stepped);
    assert.deepEqual([auth_time, amr, acr], [(signIn[0] as number) + 86_400, ["pwd", "otp"], "high"]);
    const after = claimsOf(await stage.refresh(tokenOf(later)));
    assert.deepEqual([after.auth_time, after.amr, after.acr], [auth_time, amr, acr]);
  });

  it("an access token ends with its session, to the second", async () => {
    const stage = await openStage({ sessionTtlSeconds: 1000, accessTtlSeconds: 900 });
    const grant = await stage.signIn();
    stage.platform.clock.advance(101 * second);
    const last = await stage.refresh(tokenOf(grant));
    assert.equal(last.expiresIn, 899);
    assert.equal(claimsOf(last).exp, grant.record.expiresAt);
    stage.platform.clock.advance(899 * second - 1);
    await stage.sessions.authenticate(last.accessToken);
    stage.platform.clock.advance(1);
    assert.equal(await refusal(stage.sessions.authenticate(last.accessToken)), "invalid_token");
  });
});
