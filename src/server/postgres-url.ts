// The URL of a Postgres store: what is ours in it (schema, prepare, notify, connections) and what goes on to the database library.
// Owns these parameters, their defaults and bounds. Opens nothing, and never repeats the URL: it may hold a password.

import type { PawlError } from "../core/errors.ts";
import { checkSchemaName } from "../stores/postgres-schema.ts";
import { Refused } from "./refused.ts";

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

const connectionsDefault = 10;
const connectionsMax = 200;

/**
 * Takes a `postgres://` URL apart: `schema` (default `pawl`), `prepare` (`true` or `false`, for poolers), `notify`
 * (`true` or `false`, for databases without NOTIFY) and `connections` (1 to 200, default 10) are ours, every other parameter
 * is the library's.
 * @throws Refused
 */
export function readPostgresUrl(text: string): PostgresUrl {
  // Only the part after the question mark is taken apart: hosts and paths of sockets are the library's business.
  const at = text.indexOf("?");
  const base = at === -1 ? text : text.slice(0, at);
  if (!/^postgres(ql)?:\/\/[^\s]+$/i.test(base) || !URL.canParse(base))
    throw new Refused("a URL is postgres://user:password@host:port/database");
  const parameters = new URLSearchParams(at === -1 ? "" : text.slice(at + 1));
  const take = (name: string): string | undefined => {
    const value = parameters.get(name) ?? undefined;
    parameters.delete(name);
    return value;
  };
  const schema = take("schema");
  const prepare = take("prepare") ?? "true";
  const notify = take("notify") ?? "true";
  const connections = take("connections") ?? String(connectionsDefault);
  if (schema !== undefined) checkSchema(schema);
  if (prepare !== "true" && prepare !== "false") throw new Refused("prepare is true or false");
  if (notify !== "true" && notify !== "false") throw new Refused("notify is true or false");
  if (!/^\d{1,3}$/.test(connections) || Number(connections) < 1 || Number(connections) > connectionsMax) {
    throw new Refused(`connections is a whole number from 1 to ${connectionsMax}`);
  }
  const rest = parameters.size === 0 ? "" : `?${parameters}`;
  return {
    connection: base + rest,
    schema,
    prepare: prepare === "true",
    notify: notify === "true",
    connections: Number(connections),
  };
}

function checkSchema(schema: string): void {
  try {
    checkSchemaName(schema);
  } catch (error) {
    throw new Refused((error as PawlError).detail);
  }
}
