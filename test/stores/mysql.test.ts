// The store suite, the session suite and the differential suite on MariaDB through `mysql2`, both kinds of its pools.

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { differentialSuite } from "../../src/testing/differential-suite.ts";
import { sessionSuite } from "../../src/testing/session-suite.ts";
import { storeSuite } from "../../src/testing/store-suite.ts";
import { mysqlMissing, mysqlServer } from "../services/mysql.ts";
import { mysqlDatabases } from "./mysql-databases.ts";

describe("MariaDB with mysql2", { skip: mysqlMissing }, () => {
  const server = mysqlServer();
  const databases = mysqlDatabases(server);
  storeSuite("mysql", databases);
  sessionSuite("mysql", databases);

  it("tells the time of the database, in milliseconds", async (t) => {
    const store = await databases.create();
    t.after(() => store.close());
    await store.open();
    const [row] = await databases.ask("SELECT UNIX_TIMESTAMP(NOW(6)) * 1000 AS now");
    const difference = Number(await store.now?.()) - Number(row?.now);
    assert.ok(difference >= -1 && difference < 60_000, `${difference} ms`);
    assert.ok(Number.isInteger(await store.now?.()));
  });

  // Memory keeps the order of calls made at once; a database promises it to one connection only.
  differentialSuite("mysql", mysqlDatabases(server, { connections: 1 }));
});
