// Entries of the revocation feed: every ending brings exactly one, in the commit that ends the session, and it covers
// every access token of that session, also one that a node with another clock gave out for nothing but a settle.

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { Revocation, Store } from "../../src/core/ports.ts";
import { createSessions } from "../../src/engine/create-sessions.ts";
import type { Grant, Sessions } from "../../src/engine/types.ts";
import { memoryStore } from "../../src/stores/memory.ts";
import { createSimulatedPlatform } from "../../src/testing/simulated.ts";
import { key, openStage, second, tokenOf, zone } from "./stage.ts";

/** A store that notes what was committed with which entry. */
function noting(): { store: Store; endings: { sid: string; reason: string; entry: Revocation | undefined }[] } {
  const below = memoryStore();
  const endings: { sid: string; reason: string; entry: Revocation | undefined }[] = [];
  const store: Store = {
    ...below,
    commit: async (next, expectedVersion, entry) => {
      const isDone = await below.commit(next, expectedVersion, entry);
      if (isDone && (next.ended !== undefined || entry !== undefined)) {
        endings.push({ sid: next.sid, reason: next.ended?.reason ?? "none", entry });
      }
      return isDone;
    },
  };
  return { store, endings };
}

describe("entries of the revocation feed", () => {
  it("come with every ending, in the same commit, once", async () => {
    const { store, endings } = noting();
    const stage = await openStage({ store, sessionsMax: 2 });
    const { sessions, platform } = stage;
    const first = await stage.signIn();
    await sessions.logout({ refreshToken: tokenOf(first) });
    await sessions.logout({ refreshToken: tokenOf(first) });
    const second = await stage.signIn();
    await sessions.revoke(second.record.sid, "revoked");
    await sessions.revoke(second.record.sid, "revoked");
    const used = tokenOf(await stage.signIn("thief's victim"));
    const next = tokenOf(await stage.refresh(used, 1));
    platform.clock.advance(2 * zone);
    await stage.refresh(next, 2);
    platform.clock.advance(2 * zone);
    await assert.rejects(stage.refresh(used, 3), { code: "refresh_token_reused" });
    await assert.rejects(stage.refresh(used, 3), { code: "session_revoked" });
    for (let count = 0; count < 3; count += 1) {
      await stage.signIn("many devices");
      platform.clock.advance(1000);
    }
    await sessions.revokeAll("many devices", "password_change");
    const reasons = endings.map(({ reason }) => reason);
    assert.deepEqual(reasons, [
      "logout",
      "revoked",
      "refresh_token_reused",
      "session_limit",
      "password_change",
      "password_change",
    ]);
    for (const { sid, entry } of endings) assert.equal(entry?.sid, sid);
    const { revocations } = await sessions.revocations();
    assert.deepEqual(
      revocations,
      endings.map(({ entry }) => entry),
    );
    await sessions.close();
  });

  it("cover a token that was only settled, by a node whose clock is ahead by as much as is left alone", async () => {
    const world = createSimulatedPlatform({ timers: "simulated" });
    const store: Store = { ...memoryStore(), now: async () => world.clock.now() };
    const node = (milliseconds: number, seed: number): Promise<Sessions> =>
      createSessions({
        store,
        secret: "A".repeat(43),
        algorithm: "EdDSA",
        platform: {
          clock: { now: () => world.clock.now() + milliseconds },
          entropy: createSimulatedPlatform({ seed }).entropy,
          scheduler: world.scheduler,
        },
      });
    const [ahead, behind] = [await node(400, 1), await node(-400, 2)];
    assert.equal(ahead.platform.clock.now() - behind.platform.clock.now(), 800);
    for (let phase = 0; phase < second; phase += 50) {
      world.clock.set(Math.ceil(world.clock.now() / second) * second + phase);
      const settled = await contendedToken(behind, (input) => ahead.refresh(input));
      assert.equal(settled.outcome, "settled");
      const { sid } = settled.record;
      await behind.revoke(sid, "logout");
      const entry = (await behind.revocations()).revocations.at(-1);
      const part = settled.accessToken.split(".")[1] as string;
      const { exp } = JSON.parse(Buffer.from(part, "base64url").toString());
      assert.equal(entry?.sid, sid);
      assert.ok(
        exp <= (entry?.exp ?? 0),
        `phase ${phase}: the token lives until ${exp}, its entry until ${entry?.exp}`,
      );
    }
    await Promise.all([ahead.close(), behind.close()]);
  });
});

/** Two tabs refresh at once; what each presents next is settled without a commit from the second time on. */
async function contendedToken(sessions: Sessions, settle: (input: { refreshToken: string }) => Promise<Grant>) {
  const first = tokenOf(await sessions.issue({ subject: "ann", transport: "body" }));
  const ours = tokenOf(await sessions.refresh({ refreshToken: first, attempt: key(1) }));
  await sessions.refresh({ refreshToken: first, attempt: key(2) });
  await sessions.refresh({ refreshToken: ours, attempt: key(3) });
  return await settle({ refreshToken: ours });
}
