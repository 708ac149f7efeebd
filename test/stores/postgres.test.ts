// The store suite, the session suite and the differential suite on Postgres 18 through `pg`.

import { describe } from "node:test";
import { differentialSuite } from "../../src/testing/differential-suite.ts";
import { sessionSuite } from "../../src/testing/session-suite.ts";
import { storeSuite } from "../../src/testing/store-suite.ts";
import { postgresMissing, postgresServer } from "../services/postgres.ts";
import { postgresDatabases } from "./postgres-databases.ts";

describe("Postgres 18 with pg", { skip: postgresMissing(18) }, () => {
  const server = postgresServer(18);
  const databases = postgresDatabases(server);
  storeSuite("postgres", databases);
  sessionSuite("postgres", databases);
  // Memory keeps the order of calls made at once; a database promises it to one connection only.
  differentialSuite("postgres", postgresDatabases(server, { connections: 1 }));
});
