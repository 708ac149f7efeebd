// docs/reference/vectors.md is what `npm run docs` would write, and says that nothing invalid is accepted and nothing valid
// refused.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { vectorTable, vectorTablePath } from "../../tools/write-vector-table.ts";

test("the page of vectors is the one that npm run docs writes", async () => {
  const page = readFileSync(new URL(`../../${vectorTablePath}`, import.meta.url), "utf8");
  assert.equal(page, await vectorTable(), "run npm run docs");
  assert.match(page, /^\| pawl\/verifier \| \*\*0\*\* \| \*\*0\*\* \| \*\*0\*\* \| \*\*0\*\* \|$/m);
});
