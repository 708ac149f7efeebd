// The store suite and a short differential suite on the other ways to Postgres: through postgres.js, without prepared
// statements, and on Postgres 15.

import { describe } from "node:test";
import type { PostgresOptions } from "../../src/stores/postgres.ts";
import { differentialSuite } from "../../src/testing/differential-suite.ts";
import { storeSuite } from "../../src/testing/store-suite.ts";
import type { PostgresServer, PostgresVersion } from "../services/postgres.ts";
import { postgresMissing, postgresServer } from "../services/postgres.ts";
import type { Library } from "./postgres-databases.ts";
import { postgresDatabases } from "./postgres-databases.ts";

const short = { seeds: [7], steps: 120 };
const servers: Readonly<Record<PostgresVersion, PostgresServer>> = { 18: postgresServer(18), 15: postgresServer(15) };

function check(version: PostgresVersion, library: Library, options: PostgresOptions = {}): void {
  const name = `Postgres ${version} with ${library}${options.prepare === false ? ", nothing prepared" : ""}`;
  describe(name, { skip: postgresMissing(version) }, () => {
    const settings = { library, store: options };
    storeSuite(name, postgresDatabases(servers[version], settings));
    differentialSuite(name, postgresDatabases(servers[version], { ...settings, connections: 1 }), short);
  });
}

check(18, "postgres");
check(18, "pg", { prepare: false });
check(15, "pg");
