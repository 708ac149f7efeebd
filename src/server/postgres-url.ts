// The URL of a Postgres store: what is ours in it (schema, prepare, notify, connections) and what goes on to the database library.
// Owns these parameters, their defaults and bounds. Opens nothing, and never repeats the URL: it may hold a password.

import { checkSchemaName } from "../stores/postgres-schema.ts";
import { Refused } from "./refused.ts";
import { openStoreUrl, takeConnections, takeFlag, takeName } from "./store-url.ts";

/** A URL, taken apart. */
export interface PostgresUrl {
  /** For the database library: without the parameters that are ours. */
  readonly connection: string;
  readonly schema: string | undefined;
  readonly prepare: boolean;
  readonly notify: boolean;
  /** Connections of the pool. */
  readonly connections: number;
}

/**
 * Takes a `postgres://` URL apart: `schema` (default `pawl`), `prepare` (`true` or `false`, for poolers), `notify`
 * (`true` or `false`, for databases without NOTIFY) and `connections` (1 to 200, default 10) are ours, every other parameter
 * is the library's.
 * @throws Refused
 */
export function readPostgresUrl(text: string): PostgresUrl {
  const url = openStoreUrl(text);
  if (!/^postgres(ql)?:\/\/[^\s]+$/i.test(url.base) || !URL.canParse(url.base))
    throw new Refused("a URL is postgres://user:password@host:port/database");
  const schema = takeName(url, "schema", checkSchemaName);
  const prepare = takeFlag(url, "prepare", true);
  const notify = takeFlag(url, "notify", true);
  const connections = takeConnections(url);
  return { connection: url.rest(), schema, prepare, notify, connections };
}
