// A table of instants at which the engine changes its mind: each row is asked one millisecond before, at and one after
// its instant, under the default policy and under short times. Owns the form of a row and its run; the rows are elsewhere.

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { PawlError } from "../../src/core/errors.ts";
import type { Policy } from "../../src/core/policy.ts";
import type { Grant } from "../../src/engine/types.ts";
import type { Stage } from "./stage.ts";
import { openStage, second } from "./stage.ts";

/** Milliseconds of the policy under test. */
export interface Times {
  readonly grace: number;
  readonly zone: number;
  readonly idle: number;
  readonly session: number;
  readonly access: number;
}

export interface Row {
  readonly name: string;
  /** Sets the scene; resolves the instant (milliseconds) and the question that is asked around it. */
  readonly set: (stage: Stage, times: Times) => Promise<readonly [at: number, ask: () => Promise<string>]>;
  /** What is answered a millisecond before, at and a millisecond after the instant. */
  readonly answers: readonly [before: string, at: string, after: string];
  readonly rotation?: "strict";
}

/** The outcome of a refresh, or the code it is refused with. */
export async function outcome(grant: Promise<Grant>): Promise<string> {
  try {
    return (await grant).outcome;
  } catch (error) {
    return (error as PawlError).code;
  }
}

export async function codeOf(call: Promise<unknown>): Promise<string> {
  try {
    await call;
    return "good";
  } catch (error) {
    return (error as PawlError).code;
  }
}

/** Answers of which only the one before differs. */
export const late = (after: string, before = "rotated"): Row["answers"] => [before, after, after];

const policies: Readonly<Record<string, Omit<Policy, "rotation" | "sessionsMax">>> = {
  "the default policy": {
    graceSeconds: 30,
    accessTtlSeconds: 900,
    idleTtlSeconds: 604_800,
    sessionTtlSeconds: 2_592_000,
  },
  "short times": { graceSeconds: 1, accessTtlSeconds: 7, idleTtlSeconds: 500, sessionTtlSeconds: 4_000 },
};

/** Declares a test for each row under each policy. */
export function boundaryTable(rows: readonly Row[]): void {
  for (const [policyName, policy] of Object.entries(policies)) {
    const times: Times = {
      grace: policy.graceSeconds * second,
      zone: 2 * policy.graceSeconds * second,
      idle: policy.idleTtlSeconds * second,
      session: policy.sessionTtlSeconds * second,
      access: policy.accessTtlSeconds * second,
    };
    describe(`to the millisecond, ${policyName}`, () => {
      for (const { name, set, answers, rotation: mode = "two-phase" } of rows) {
        it(name, async () => {
          for (const [index, expected] of answers.entries()) {
            const stage = await openStage({ ...policy, rotation: mode });
            const [at, ask] = await set(stage, times);
            stage.platform.clock.set(at + index - 1);
            assert.equal(await ask(), expected, `${index - 1} ms from it`);
          }
        });
      }
    });
  }
}
