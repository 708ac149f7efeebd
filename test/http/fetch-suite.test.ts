// The HTTP suite against `handler.fetch`, without any server, over every store.

import { before, describe } from "node:test";
import { memoryStore } from "../../src/stores/memory.ts";
import { httpSuite } from "../../src/testing/http-suite.ts";
import { mysqlMissing, mysqlServer } from "../services/mysql.ts";
import { postgresMissing, postgresServer } from "../services/postgres.ts";
import { skip, startRedis } from "../services/redis.ts";
import { mysqlDatabases } from "../stores/mysql-databases.ts";
import { postgresDatabases } from "../stores/postgres-databases.ts";
import { type Client, ioredisOn, underTestOn } from "../stores/redis-clients.ts";
import { createSqliteFiles } from "../stores/sqlite-files.ts";
import { fetchSubject } from "./fetch-target.ts";

const secret = Buffer.alloc(32, 7).toString("base64url");

httpSuite(
  "handler.fetch",
  fetchSubject(async () => memoryStore()),
);

const files = createSqliteFiles();
httpSuite(
  "handler.fetch over SQLite",
  fetchSubject(async () => files.remember(files.fresh())),
);

describe("over Postgres", { skip: postgresMissing(18) }, () => {
  const { create } = postgresDatabases(postgresServer(18));
  httpSuite("handler.fetch over Postgres", fetchSubject(create, secret));
});

describe("over MariaDB", { skip: mysqlMissing }, () => {
  const { create } = mysqlDatabases(mysqlServer());
  httpSuite("handler.fetch over MariaDB", fetchSubject(create, secret));
});

describe("over Redis", { skip }, () => {
  let client: Client;
  before(async () => {
    client = ioredisOn((await startRedis()).url);
  });
  httpSuite("handler.fetch over Redis", fetchSubject(underTestOn(() => client).create, secret));
});
