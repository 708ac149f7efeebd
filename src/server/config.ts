// The configuration of the server and the command line (CONTRACT section 1): one table of options, read from flags,
// environment and pawl.config.json (in this order of precedence), validated in one place.
// Owns names, defaults and accepted values. Creates nothing and opens nothing but pawl.config.json; a bad option is
// one line that names it. Never prints the value of a secret.

import { PawlError } from "../core/errors.ts";
import { createPolicy, type Policy, type PolicyOptions } from "../core/policy.ts";
import { parseSecrets } from "../core/secret-keys.ts";
import type { Algorithm } from "../engine/types.ts";
import { type ClientOptions, checkClients } from "../http/oauth-clients.ts";
import { configFileName, type OptionRow, readConfigFile } from "./config-file.ts";
import { nearest } from "./nearest.ts";
import * as read from "./option-values.ts";

/** How much is logged. */
export type LogLevel = "silent" | "error" | "info" | "debug";

interface Readable<Value> extends OptionRow {
  readonly read: (text: string) => Value;
}

const duration = "a duration such as 30s, 15m, 12h, 7d or whole seconds, from";

const table = {
  port: option(
    "port",
    "PORT",
    "port",
    "4000",
    "a whole number from 0 to 65535 (0 = any free port)",
    read.readWhole(0, 65_535),
  ),
  host: option(
    "host",
    "HOST",
    "host",
    "localhost",
    "localhost, an IP address or a host name of this machine",
    read.readHost,
  ),
  issuer: option(
    "issuer",
    "PAWL_ISSUER",
    "issuer",
    "http://localhost:<port>",
    "an https origin such as https://auth.example.com, or http for a loopback host, without path, query or user",
    read.readIssuer,
  ),
  store: option(
    "store",
    "PAWL_STORE",
    "store",
    "sqlite:./data/pawl.db",
    "sqlite:<file>, postgres://<user>:<password>@<host>/<database>, mysql://<user>:<password>@<host>/<database>, redis://<host>:<port>, rediss://… or memory:",
    read.readStore,
  ),
  secret: option(
    "secret",
    "PAWL_SECRET",
    undefined,
    "kept next to the database file; with memory: drawn at start; required with postgres:, mysql: and redis:",
    "at least 32 random bytes as unpadded base64url (43 characters); at most 8, comma-separated, newest first",
    readSecret,
  ),
  audience: option(
    "audience",
    "PAWL_AUDIENCE",
    "audience",
    "the issuer",
    "1 to 255 characters without spaces",
    read.readAudience,
  ),
  algorithm: option(
    "alg",
    "PAWL_ALG",
    "alg",
    "ES256",
    "ES256, EdDSA or RS256",
    read.readWord<Algorithm>("ES256", "EdDSA", "RS256"),
  ),
  keyRotationSeconds: option(
    "keyRotation",
    "PAWL_KEY_ROTATION",
    "key-rotation",
    "90d",
    `${duration} 1d to 400d, or off`,
    read.readKeyRotation,
  ),
  accessTtlSeconds: option(
    "accessTtl",
    "PAWL_ACCESS_TTL",
    "access-ttl",
    "15m",
    `${duration} 1s to 1d`,
    read.readDuration,
  ),
  idleTtlSeconds: option("idleTtl", "PAWL_IDLE_TTL", "idle-ttl", "7d", `${duration} 1s to 400d`, read.readDuration),
  sessionTtlSeconds: option(
    "sessionTtl",
    "PAWL_SESSION_TTL",
    "session-ttl",
    "30d",
    `${duration} 1s to 3650d`,
    read.readDuration,
  ),
  rotation: option(
    "rotation",
    "PAWL_ROTATION",
    "rotation",
    "two-phase",
    "two-phase or strict",
    read.readWord("two-phase", "strict"),
  ),
  graceSeconds: option(
    "grace",
    "PAWL_GRACE",
    "grace",
    "30s",
    `${duration} 1s to 5m; 0 only with rotation strict`,
    read.readDuration,
  ),
  origins: option(
    "origins",
    "PAWL_ORIGINS",
    "origins",
    "the issuer's origin",
    "exact origins such as https://app.example.com, comma-separated, at most 64",
    read.readOrigins,
  ),
  sessionsMax: option(
    "maxSessions",
    "PAWL_MAX_SESSIONS",
    "max-sessions",
    "50",
    "a whole number from 1 to 1000",
    read.readWhole(1, 1000),
  ),
  registration: option(
    "registration",
    "PAWL_REGISTRATION",
    "registration",
    "open on a loopback issuer, else closed",
    "open or closed",
    read.readWord("open", "closed"),
  ),
  adminToken: option("adminToken", "PAWL_ADMIN_TOKEN", undefined, undefined, bearerAccepts(), read.readBearer),
  feedToken: option("feedToken", "PAWL_FEED_TOKEN", undefined, undefined, bearerAccepts(), read.readBearer),
  clients: option(
    "clients",
    "PAWL_CLIENTS",
    undefined,
    "none",
    'a JSON array of clients, each like {"id": "app", "scopes": ["read"]}',
    readClients,
  ),
  trustProxy: option(
    "trustProxy",
    "PAWL_TRUST_PROXY",
    "trust-proxy",
    "none",
    "IP addresses or CIDR networks such as 127.0.0.1 or 10.0.0.0/8, comma-separated, at most 64",
    read.readNetworks,
  ),
  rateLimit: option("rateLimit", "PAWL_RATE_LIMIT", "rate-limit", "on", "on or off", read.readWord("on", "off")),
  log: option(
    "log",
    "PAWL_LOG",
    "log",
    "info",
    "silent, error, info or debug",
    read.readWord<LogLevel>("silent", "error", "info", "debug"),
  ),
} as const;

type Table = typeof table;
type Values = { readonly [Name in keyof Table]: ReturnType<Table[Name]["read"]> | undefined };

function option<Value>(
  member: string,
  variable: string,
  flag: string | undefined,
  fallback: string | undefined,
  accepts: string,
  reader: (text: string) => Value,
): Readable<Value> {
  return { member, variable, flag, fallback, accepts, read: reader };
}

function bearerAccepts(): string {
  return "1 to 256 characters of A-Z a-z 0-9 - . _ ~ + /";
}

function readSecret(text: string): string {
  parseSecrets(text);
  return text;
}

function readClients(text: string): readonly ClientOptions[] {
  let list: unknown;
  try {
    list = JSON.parse(text);
  } catch {
    throw new read.Refused("it is no JSON");
  }
  try {
    return checkClients(list);
  } catch (error) {
    throw new read.Refused((error as PawlError).detail);
  }
}

/** Every option, in the order of the documentation. */
export const optionRows: readonly OptionRow[] = Object.values(table);

/** Where option values come from. */
export interface OptionSources {
  /** By flag name, as given on the command line. */
  readonly flags: Readonly<Record<string, string>>;
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** The folder of pawl.config.json. */
  readonly directory: string;
}

/** Checked options. Absent ones have a default that only the start knows (the port that was free, the issuer). */
export interface Settings {
  readonly port: number;
  readonly host: string;
  /** As given; see {@link issuerFor} for the default. */
  readonly issuer: string | undefined;
  readonly store: read.StoreChoice;
  readonly secret: string | undefined;
  readonly audience: string | undefined;
  readonly algorithm: Algorithm;
  /** Seconds; 0: by hand only. `undefined`: as the engine has it. */
  readonly keyRotationSeconds: number | undefined;
  readonly policy: Policy;
  readonly origins: readonly string[] | undefined;
  readonly registration: "open" | "closed" | undefined;
  readonly adminToken: string | undefined;
  readonly feedToken: string | undefined;
  readonly clients: readonly ClientOptions[];
  readonly trustProxy: readonly string[];
  readonly rateLimit: boolean;
  readonly log: LogLevel;
  /** Lines for the log: what looks like a mistake but does not stop the start. */
  readonly warnings: readonly string[];
}

const defaultStore: read.StoreChoice = { kind: "sqlite", file: "./data/pawl.db" };

/**
 * Reads and checks every option: flag, then environment, then pawl.config.json, then default. An empty variable counts
 * as not set.
 * @throws PawlError `invalid_option`; `detail` is the one line to print.
 */
export function readSettings(sources: OptionSources): Settings {
  const file = readConfigFile(sources.directory, optionRows);
  const given = {} as Record<string, unknown>;
  const places = new Map<string, string>();
  for (const [name, row] of Object.entries(table)) {
    const found = find(row, sources, file);
    if (found === undefined) continue;
    places.set(name, found.place);
    given[name] = readValue(row as Readable<unknown>, found);
  }
  const values = given as Values;
  requireSecret(values);
  const settings: Settings = {
    port: values.port ?? 4000,
    host: values.host ?? "localhost",
    issuer: values.issuer,
    store: values.store ?? defaultStore,
    secret: values.secret,
    audience: values.audience,
    algorithm: values.algorithm ?? "ES256",
    keyRotationSeconds: values.keyRotationSeconds,
    policy: checkPolicy(values, places),
    origins: values.origins,
    registration: values.registration,
    adminToken: values.adminToken,
    feedToken: values.feedToken,
    clients: values.clients ?? [],
    trustProxy: values.trustProxy ?? [],
    rateLimit: values.rateLimit !== "off",
    log: values.log ?? "info",
    warnings: unknownVariables(sources.environment),
  };
  return Object.freeze(settings);
}

/** The store alone: for a command that needs no secret, where a missing one is no mistake. */
export function readStoreSetting(sources: OptionSources): read.StoreChoice {
  const found = find(table.store, sources, readConfigFile(sources.directory, optionRows));
  return found === undefined ? defaultStore : (readValue(table.store as Readable<unknown>, found) as read.StoreChoice);
}

interface Found {
  readonly text: string;
  /** `--port`, `PORT` or `"port" in pawl.config.json`. */
  readonly place: string;
}

function find(row: OptionRow, sources: OptionSources, file: ReadonlyMap<string, string>): Found | undefined {
  const flag = row.flag === undefined ? undefined : sources.flags[row.flag];
  if (flag !== undefined) return { text: flag, place: `--${row.flag}` };
  const variable = sources.environment[row.variable];
  if (variable !== undefined && variable !== "") return { text: variable, place: row.variable };
  const member = file.get(row.member);
  return member === undefined ? undefined : { text: member, place: `"${row.member}" in ${configFileName}` };
}

function refuse(message: string, field: string): never {
  throw new PawlError("invalid_option", message, { field });
}

/** Nodes that share a database must share its secret, so nothing can be made up for one of them. */
function requireSecret({ store, secret }: Values): void {
  if (store === undefined || secret !== undefined || !read.isNetworked(store)) return;
  const why = `is required with a ${store.kind}: store, the same on every node`;
  const how = `node -p "crypto.randomBytes(32).toString('base64url')" makes one`;
  refuse(`${table.secret.variable} ${why}: it takes ${table.secret.accepts}; ${how}`, table.secret.member);
}

const secretRows: readonly OptionRow[] = [table.secret, table.adminToken, table.feedToken, table.clients];
const shownCharactersMax = 80;
const warningsMax = 16;

function readValue<Value>(row: Readable<Value>, found: Found): Value {
  try {
    return row.read(found.text);
  } catch (error) {
    const shown = secretRows.includes(row) ? "" : ` ${JSON.stringify(shownText(found.text))}`;
    const why = error instanceof read.Refused && error.reason !== undefined ? ` (${error.reason})` : "";
    return refuse(`${found.place}${shown} is not accepted${why}: it takes ${row.accepts}`, row.member);
  }
}

/** The start of a value. Of a URL with a user only the scheme: what follows may hold a password. */
function shownText(text: string): string {
  const scheme = text.includes("@") || text.includes("?") ? /^[a-z][a-z0-9+.-]*:(\/\/)?/i.exec(text)?.[0] : undefined;
  return scheme === undefined ? text.slice(0, shownCharactersMax) : `${scheme}…`;
}

/** The bounds of the rules are those of core/policy.ts; only the wording is ours. */
function checkPolicy(values: Values, places: ReadonlyMap<string, string>): Policy {
  const options: Record<string, unknown> = {};
  const names = [
    "accessTtlSeconds",
    "idleTtlSeconds",
    "sessionTtlSeconds",
    "rotation",
    "graceSeconds",
    "sessionsMax",
  ] as const;
  for (const name of names) if (values[name] !== undefined) options[name] = values[name];
  try {
    return createPolicy(options as PolicyOptions);
  } catch (error) {
    const name = names.find((each) => error instanceof PawlError && error.facts.field === each);
    if (name === undefined) throw error;
    const row = table[name];
    return refuse(`${places.get(name) ?? row.variable} is not accepted: it takes ${row.accepts}`, row.member);
  }
}

/** A PAWL_* variable that nobody reads is most likely a typing mistake. */
function unknownVariables(environment: Readonly<Record<string, string | undefined>>): string[] {
  const known = optionRows.map((row) => row.variable);
  const unknown = Object.keys(environment).filter((name) => name.startsWith("PAWL_") && !known.includes(name));
  const bare = (name: string): string => name.replace(/^PAWL_/, "");
  return unknown.slice(0, warningsMax).map((name) => {
    // Compared without the prefix, which would make every name look alike.
    const best = nearest(bare(name), known.map(bare));
    const meant = known.find((each) => bare(each) === best);
    return `unknown variable ${JSON.stringify(name)} is ignored${meant === undefined ? "" : `; did you mean ${meant}?`}`;
  });
}
