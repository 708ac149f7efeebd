// The published speed of the verifier is that of the stored measurement.
// Measures nothing.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import type { VerifierResults } from "../../bench/verifier.ts";
import { verifierBlockName, verifierBlockOf, verifierPagePath, verifierResultsPath } from "../../bench/verifier.ts";
import { blockIn } from "../../sim/torture/page.ts";

test("the table of docs/reference/verifier.md is that of the stored results", () => {
  const results: VerifierResults = JSON.parse(readFileSync(verifierResultsPath, "utf8"));
  const page = readFileSync(verifierPagePath, "utf8");
  assert.equal(blockIn(page, verifierBlockName), verifierBlockOf(results), "npm run bench:verifier -- --write");
});
