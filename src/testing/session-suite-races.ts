// Promises about races on a store: many refreshes of one token that all read before any writes, revocation against
// refresh, two engines on one database. Part of session-suite.ts.

import assert from "node:assert/strict";
import { it } from "node:test";
import { PawlError } from "../core/errors.ts";
import type { Grant } from "../engine/types.ts";
import { createArrivalGate } from "./arrival-gate.ts";
import type { OpenScene, Scene } from "./session-suite-scene.ts";
import { attempt, softZone, tokenOf } from "./session-suite-scene.ts";
import { createSimulatedPlatform } from "./simulated.ts";
import type { StoreUnderTest } from "./store-suite-subjects.ts";

const clients = 50;

/** All clients refresh the same token; all have read before the first one writes. */
async function refreshAtOnce(
  scene: Scene,
  refreshToken: string,
  key: (client: number) => string | undefined,
): Promise<Grant[]> {
  scene.gate = createArrivalGate(clients);
  return await Promise.all(
    Array.from({ length: clients }, (_, client) => {
      const own = key(client);
      return scene.sessions.refresh(own === undefined ? { refreshToken } : { refreshToken, attempt: own });
    }),
  );
}

/** Declares them. */
export function engineRacePromises(open: OpenScene, underTest: StoreUnderTest): void {
  it(`gives ${clients} concurrent refreshes of one attempt the identical successor`, async (t) => {
    const scene = await open(t);
    const { grant, token } = await scene.signIn();
    const grants = await refreshAtOnce(scene, token, () => attempt(1));
    assert.equal(new Set(grants.map(tokenOf)).size, 1);
    assert.equal((await scene.stored(grant.record.sid)).version, 1 + clients, "no hand-out is lost");
    scene.platform.clock.advance(softZone);
    await scene.rotate(tokenOf(grants[0] as Grant), attempt(2));
  });

  it(`gives ${clients} concurrent refreshes without an attempt the identical successor`, async (t) => {
    const scene = await open(t);
    const { token } = await scene.signIn();
    const grants = await refreshAtOnce(scene, token, () => undefined);
    assert.equal(new Set(grants.map(tokenOf)).size, 1);
  });

  it(`ends no session by ${clients} concurrent refreshes of different attempts; one successor wins later`, async (t) => {
    const scene = await open(t);
    const { grant, token } = await scene.signIn();
    const grants = await refreshAtOnce(scene, token, attempt);
    const tokens = grants.map(tokenOf);
    assert.equal(new Set(tokens).size, clients);
    assert.equal((await scene.stored(grant.record.sid)).generation, 0);
    // Whichever the jar ended up with goes on, at once by settling and later by rotating.
    const kept = tokens[17] as string;
    assert.equal((await scene.sessions.refresh({ refreshToken: kept, attempt: attempt("x") })).outcome, "settled");
    scene.platform.clock.advance(softZone);
    await scene.rotate(kept, attempt("x"));
    assert.equal((await scene.stored(grant.record.sid)).generation, 1);
    await assert.rejects(scene.sessions.refresh({ refreshToken: tokens[18] as string }), {
      code: "refresh_token_reused",
    });
  });

  it(`strict: lets exactly one of ${clients} concurrent refreshes win, the others end the session`, async (t) => {
    const scene = await open(t, { rotation: "strict" });
    const { grant, token } = await scene.signIn();
    scene.gate = createArrivalGate(clients);
    const results = await Promise.allSettled(
      Array.from({ length: clients }, (_, client) =>
        scene.sessions.refresh({ refreshToken: token, attempt: attempt(client) }),
      ),
    );
    assert.equal(results.filter((result) => result.status === "fulfilled").length, 1);
    const codes = results.flatMap((result) => (result.status === "rejected" ? [result.reason.code] : []));
    assert.equal(codes.filter((code) => code === "refresh_token_reused").length, 1, "reuse is reported once");
    assert.equal(codes.filter((code) => code === "session_revoked").length, clients - 2);
    assert.equal((await scene.stored(grant.record.sid)).ended?.reason, "refresh_token_reused");
  });

  it("lets a revocation win over every refresh in flight, whoever is faster", async (t) => {
    const scene = await open(t);
    for (let round = 0; round < 20; round += 1) {
      scene.gate = undefined;
      const { grant, token } = await scene.signIn(`user ${round}`);
      const { sid } = grant.record;
      scene.gate = createArrivalGate(9);
      const refreshes = Array.from({ length: 8 }, (_, client) => () => refreshOutcome(scene, token, attempt(client)));
      const revoke = (): Promise<unknown> => scene.sessions.revoke(sid, "revoked");
      const calls: (() => Promise<unknown>)[] = [...refreshes];
      calls.splice(round % 9, 0, revoke);
      const results = await Promise.all(calls.map((call) => call()));
      assert.equal(results[round % 9], true, "the revocation took place");
      const handedOut = results.filter((result) => typeof result === "string" && result.startsWith("pawl_rt_"));
      assert.equal((await scene.stored(sid)).ended?.reason, "revoked", `round ${round}`);
      for (const refreshToken of [token, ...(handedOut as string[])]) {
        await assert.rejects(scene.sessions.refresh({ refreshToken }), { code: "session_revoked" });
      }
      await assert.rejects(scene.sessions.authenticate(grant.accessToken), { code: "invalid_token" });
    }
  });

  it("ends a session once, however many revoke it at once", async (t) => {
    const scene = await open(t);
    const { grant } = await scene.signIn();
    scene.gate = createArrivalGate(clients);
    const results = await Promise.all(
      Array.from({ length: clients }, () => scene.sessions.revoke(grant.record.sid, "revoked")),
    );
    assert.equal(results.filter(Boolean).length, 1);
    assert.equal((await scene.store.revocationsAfter(undefined, 0, 100)).revocations.length, 1);
    assert.equal(scene.events.filter((event) => event.type === "session_revoked").length, 1);
  });

  const { reopen } = underTest;
  if (reopen === undefined) return;
  it("is one system with a second engine on the same database", async (t) => {
    const platform = createSimulatedPlatform();
    const one = await open(t, { platform });
    const other = await open(t, { platform, store: await reopen(one.store) });
    const { grant, token } = await one.signIn();
    assert.equal((await other.sessions.authenticate(grant.accessToken)).subject, "ana");
    const [gate, key] = [createArrivalGate(clients), attempt(1)];
    one.gate = gate;
    other.gate = gate;
    const grants = await Promise.all(
      Array.from({ length: clients }, (_, client) =>
        (client % 2 === 0 ? one : other).sessions.refresh({ refreshToken: token, attempt: key }),
      ),
    );
    assert.equal(new Set(grants.map(tokenOf)).size, 1);
    assert.equal(await other.sessions.revoke(grant.record.sid, "revoked_by_operator"), true);
    await assert.rejects(one.sessions.refresh({ refreshToken: token }), { code: "session_revoked" });
    await assert.rejects(one.sessions.authenticate(grant.accessToken), { code: "invalid_token" });
  });
}

/** The new token, or the code of the refusal. */
async function refreshOutcome(scene: Scene, refreshToken: string, key: string): Promise<string> {
  try {
    return tokenOf(await scene.sessions.refresh({ refreshToken, attempt: key }));
  } catch (error) {
    assert.ok(error instanceof PawlError);
    assert.equal(error.code, "session_revoked");
    return error.code;
  }
}
