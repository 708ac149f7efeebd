// The URL of a MySQL or MariaDB store, taken apart whole: the database library gets none of its parameters. Owns which there
// are. Opens nothing, and never repeats the URL: it may hold a password.

import { isIP } from "node:net";
import { checkPrefix } from "../stores/mysql-schema.ts";
import { Refused } from "./refused.ts";
import { openStoreUrl, takeConnections, takeFlag, takeName } from "./store-url.ts";

/** A URL, taken apart. */
export interface MysqlUrl {
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly password: string;
  readonly database: string;
  /** What the names of the tables begin with. */
  readonly prefix: string | undefined;
  /** TLS, with the certificate checked. */
  readonly tls: boolean;
  /** Connections of the pool. */
  readonly connections: number;
}

const portDefault = 3306;

/**
 * Takes a `mysql://` (or `mariadb://`) URL apart. Its parameters: `prefix` (default `pawl_`), `tls` (`true` or `false`, default
 * `false`) and `connections` (1 to 200, default 10).
 * @throws Refused
 */
export function readMysqlUrl(text: string): MysqlUrl {
  const url = openStoreUrl(text);
  const shape = "a URL is mysql://user:password@host:port/database";
  if (!/^(mysql|mariadb):\/\/[^\s]+$/i.test(url.base) || !URL.canParse(url.base)) throw new Refused(shape);
  const { hostname, port, username, password, pathname, hash } = new URL(url.base);
  const [, database = ""] = /^\/([^/]+)$/.exec(pathname) ?? [];
  if (hostname === "" || username === "" || database === "" || hash !== "") throw new Refused(shape);
  const parsed = {
    host: hostname.replace(/^\[(.*)\]$/, "$1"),
    port: port === "" ? portDefault : Number(port),
    user: decoded(username),
    password: decoded(password),
    database: decoded(database),
    prefix: takeName(url, "prefix", checkPrefix),
    tls: takeFlag(url, "tls", false),
    connections: takeConnections(url),
  };
  if (url.rest() !== url.base) throw new Refused("the parameters of a mysql: URL are prefix, tls and connections");
  if (parsed.tls && isIP(parsed.host) !== 0)
    throw new Refused("tls=true needs the name of a host, which its certificate has");
  return parsed;
}

function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    throw new Refused("a percent sign in a URL is written %25");
  }
}
