// The store suite, the session suite and the differential suite on the SQLite store.

import { readFileSync } from "node:fs";
import { differentialSuite } from "../../src/testing/differential-suite.ts";
import { sessionSuite } from "../../src/testing/session-suite.ts";
import type { StoreUnderTest } from "../../src/testing/store-suite.ts";
import { storeSuite } from "../../src/testing/store-suite.ts";
import { createSqliteFiles } from "./sqlite-files.ts";

const files = createSqliteFiles();

const underTest: StoreUnderTest = {
  create: async () => files.remember(files.fresh()),
  reopen: async (store) => files.remember(files.of(store)),
  raw: async (store) => files.onDisk(files.of(store)).map((file) => readFileSync(file)),
};

storeSuite("sqlite", underTest);
sessionSuite("sqlite", underTest);
differentialSuite("sqlite", underTest);
