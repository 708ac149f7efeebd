// The signature vectors of test/vectors, the verdicts that we hold them to, and what verifyJws says of each. A vector whose
// verdict is not the one of its file is named here with its reason. Owns no test.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import type { Jwk, JwkSet, JwsAlgorithm } from "../../src/verifier/index.ts";
import { PawlError, verifyJws } from "../../src/verifier/index.ts";

interface Group {
  readonly key: Jwk | JwkSet;
  readonly tests: readonly Case[];
}

/** One case of a Wycheproof file. */
export interface Case {
  readonly tcId: number;
  readonly comment: string;
  readonly jws: string;
  readonly result: "valid" | "invalid";
}

/** The two files. */
export type SuiteName = "json_web_signature_test" | "json_web_key_test";

/** The file of the vectors. */
export const vectorFile: URL = new URL("../vectors/wycheproof-jws.json", import.meta.url);
const groups = JSON.parse(readFileSync(vectorFile, "utf8")) as Readonly<Record<SuiteName, readonly Group[]>>;

/** Keys whose alg is another one or does not exist: whether their signatures are honest is a matter of taste. */
export const strangeKeys: readonly number[] = [346, 347, 350, 351];
/** "Invalid", and byte for byte the valid one of {@link twin}: nobody can refuse one and accept the other. */
export const doubles: readonly number[] = [367, 370];
/** See {@link doubles}. */
export const twin = 357;
/** "Valid", with characters outside of the alphabet, which lenient decoders drop. */
export const dropped: readonly number[] = [372, 373];

/** The verdict that we hold a case to; `undefined` when it is left out. */
export function wanted(suite: SuiteName, { tcId, result }: Case): Case["result"] | undefined {
  if (suite !== "json_web_signature_test") return result;
  if (strangeKeys.includes(tcId) || doubles.includes(tcId)) return undefined;
  return dropped.includes(tcId) ? "invalid" : result;
}

/** All cases of a file. */
export function casesOf(suite: SuiteName): readonly Case[] {
  return groups[suite].flatMap(({ tests }) => tests);
}

const sizes = ["256", "384", "512"] as const;
const algorithms: readonly JwsAlgorithm[] = [
  ...(["ES", "RS", "PS", "HS"] as const).flatMap((family) => sizes.map((size) => `${family}${size}` as const)),
  "EdDSA",
];

/** Whether verifyJws accepts it. It may refuse in no other way than `invalid_token`. */
export async function isAccepted(compact: string, key: Jwk | JwkSet): Promise<boolean> {
  try {
    await verifyJws(compact, key, { algorithms });
    return true;
  } catch (error) {
    assert.ok(error instanceof PawlError && error.code === "invalid_token", String(error));
    return false;
  }
}

/** The numbers of the cases that verifyJws accepts. */
export async function acceptedOf(suite: SuiteName): Promise<ReadonlySet<number>> {
  const accepted = new Set<number>();
  for (const { key, tests } of groups[suite]) {
    for (const { tcId, jws } of tests) if (await isAccepted(jws, key)) accepted.add(tcId);
  }
  return accepted;
}
