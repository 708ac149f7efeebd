// Every rule set of the comparison, in the order of the report: Pawl's own, run by the real engine, and those of others.
// Owns the list.

import { openEngine } from "./engine-server.ts";
import type { RuleSet } from "./rule-server.ts";
import { graceChain } from "./rules/grace-chain.ts";
import { leeway } from "./rules/leeway.ts";
import { orphaning } from "./rules/orphaning.ts";
import { parentValid } from "./rules/parent-valid.ts";
import { strict } from "./rules/strict.ts";
import { unrotated } from "./rules/unrotated.ts";

/** Pawl's default: the one rule set of which no false logout is accepted. */
export const twoPhase: RuleSet = {
  name: "pawl",
  title: "Pawl, two-phase",
  follows: "this engine",
  open: (at, seed) => openEngine("two-phase", at, seed),
};

const pawlStrict: RuleSet = {
  name: "pawl-strict",
  title: "Pawl, strict",
  follows: "this engine with --rotation strict",
  open: (at, seed) => openEngine("strict", at, seed),
};

/** Every rule set. */
export const ruleSets: readonly RuleSet[] = [
  twoPhase,
  pawlStrict,
  strict,
  leeway,
  orphaning,
  graceChain,
  parentValid,
  unrotated,
];
