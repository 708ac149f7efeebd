// The HTTP suite against `handler.fetch`, without any server: over memory, and over Postgres.

import { describe } from "node:test";
import { memoryStore } from "../../src/stores/memory.ts";
import { httpSuite } from "../../src/testing/http-suite.ts";
import { postgresMissing, postgresServer } from "../services/postgres.ts";
import { postgresDatabases } from "../stores/postgres-databases.ts";
import { fetchSubject } from "./fetch-target.ts";

httpSuite(
  "handler.fetch",
  fetchSubject(async () => memoryStore()),
);

describe("over Postgres", { skip: postgresMissing(18) }, () => {
  const { create } = postgresDatabases(postgresServer(18));
  httpSuite("handler.fetch over Postgres", fetchSubject(create, Buffer.alloc(32, 7).toString("base64url")));
});
