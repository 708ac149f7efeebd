// Properties of the rules over random histories: whatever is asked in whatever order, these hold.

import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { retiredTimesMax } from "../../src/core/record.ts";
import type { RefreshToken } from "../../src/core/refresh-token.ts";
import type { Scene } from "./scene.ts";
import { ask, keyA, keyB, newScene, play, softZone } from "./scene.ts";

interface Step {
  readonly which: number;
  readonly attempt: string | undefined;
  readonly operation: "refresh" | "confirm";
  readonly wait: number;
}
const steps = fc.array(
  fc.record<Step>({
    which: fc.nat({ max: 30 }),
    attempt: fc.constantFrom(keyA, keyB, undefined),
    operation: fc.constantFrom("refresh", "refresh", "refresh", "confirm"),
    wait: fc.constantFrom(0, 1, 1000, 29_999, 30_000, softZone - 1, softZone, 10 * softZone),
  }),
  { maxLength: 40 },
);
const modes = fc.constantFrom<"two-phase" | "strict">("two-phase", "strict");

/** Plays a history; `watch` sees the scene before and after each step. */
function history(
  mode: "two-phase" | "strict",
  plan: readonly Step[],
  watch: (before: Scene, decision: ReturnType<typeof play>, token: RefreshToken, scene: Scene) => void,
): void {
  const scene = newScene({ rotation: mode });
  const tokens = [scene.first];
  for (const step of plan) {
    scene.now += step.wait;
    // Mostly recent tokens, sometimes any older one.
    const token = tokens[Math.max(0, tokens.length - 1 - (step.which % tokens.length))] as RefreshToken;
    const before = { ...scene };
    const decision = play(scene, token, step.attempt, step.operation);
    if ("token" in decision) tokens.push(decision.token);
    watch(before, decision, token, scene);
  }
}

test("a record stays bounded, its version rises by one per change, and a generation never falls", () => {
  fc.assert(
    fc.property(modes, steps, (mode, plan) => {
      history(mode, plan, (before, decision, _token, scene) => {
        assert.ok(scene.record.retiredAt.length <= retiredTimesMax);
        assert.ok(scene.record.generation >= before.record.generation);
        assert.equal(scene.record.version - before.record.version, "next" in decision ? 1 : 0);
      });
    }),
  );
});

test("an ended session never comes back", () => {
  fc.assert(
    fc.property(modes, steps, (mode, plan) => {
      history(mode, plan, (before, decision) => {
        if (before.record.ended !== undefined) assert.equal(decision.outcome, "over");
      });
    }),
  );
});

test("what is handed out is one step ahead of the current token, never expired, never beyond the session", () => {
  fc.assert(
    fc.property(modes, steps, (mode, plan) => {
      history(mode, plan, (_before, decision, _token, scene) => {
        if (decision.outcome !== "rotate") return;
        const ahead = mode === "strict" ? 0 : 1;
        assert.equal(decision.token.generation, scene.record.generation + ahead);
        assert.ok(decision.token.expiresAt * 1000 > scene.now);
        assert.ok(decision.token.expiresAt <= scene.record.expiresAt);
      });
    }),
  );
});

test("asking is pure: the same question gets the same answer and leaves the record alone", () => {
  fc.assert(
    fc.property(modes, steps, (mode, plan) => {
      history(mode, plan, (_before, _decision, token, scene) => {
        const frozen = JSON.stringify(scene.record);
        const once = ask(scene, token, keyA);
        const twice = ask(scene, token, keyA);
        assert.deepEqual(once, twice);
        assert.equal(JSON.stringify(scene.record), frozen);
      });
    }),
  );
});

test("one honest client with lost answers, retries and pauses is never refused", () => {
  const turn = fc.record({
    lost: fc.nat({ max: 3 }),
    confirms: fc.boolean(),
    keyed: fc.boolean(),
    wait: fc.constantFrom(0, 5, 1000, softZone, 86_400_000),
  });
  fc.assert(
    fc.property(fc.array(turn, { maxLength: 25 }), (turns) => {
      const scene = newScene();
      let jar = scene.first;
      for (const [index, { lost, confirms, keyed, wait }] of turns.entries()) {
        if (scene.now + wait + 10_000 > jar.expiresAt * 1000) break;
        scene.now += wait;
        const attempt = keyed ? `attempt-number-${1000 + index}` : undefined;
        for (let retry = 0; retry < lost; retry += 1) {
          scene.now += 500;
          const outcome = play(scene, jar, attempt).outcome;
          assert.ok(["rotate", "settle"].includes(outcome), outcome);
        }
        const decision = play(scene, jar, attempt);
        if (decision.outcome === "rotate") jar = decision.token;
        else assert.equal(decision.outcome, "settle");
        if (confirms) {
          const outcome = play(scene, jar, undefined, "confirm").outcome;
          assert.ok(["confirm", "unchanged"].includes(outcome), outcome);
        }
      }
    }),
  );
});
