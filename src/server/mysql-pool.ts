// The MySQL store of the server and the command line: a pool of its own over `mysql2`. Owns the pool, its bounds and its end;
// the store is stores/mysql.ts. The URL never leaves this file.

import { PawlError } from "../core/errors.ts";
import type { Store } from "../core/ports.ts";
import type { MysqlPool } from "../stores/mysql.ts";
import { mysqlStore } from "../stores/mysql.ts";
import { type MysqlUrl, readMysqlUrl } from "./mysql-url.ts";
import { importPackage, type LoadPackage, withOwnPool } from "./own-pool.ts";

/** The longest a call takes, the wait for a connection included. */
const callMilliseconds = 5_000;
/** The database itself gives up a little earlier, so that its answer still arrives. */
const lockSeconds = 4;

/** A connection as the pool tells of it, of the kind with callbacks. */
interface NewConnection {
  query(text: string, done: (error: unknown) => void): unknown;
}

/** The structural part of the package `mysql2/promise`. */
interface MysqlPackage {
  createPool(options: object): MysqlPool & {
    on(event: "connection", listener: (connection: NewConnection) => void): unknown;
    end(): Promise<void>;
  };
}

// A variable so that bundlers and type checkers of applications leave the optional package alone.
const packageName: string = "mysql2/promise";

/**
 * A store on a pool of its own, which ends with it.
 * @param canCreate false: a database without Pawl's tables is refused rather than given some
 * @throws PawlError `invalid_option` when the library is not installed.
 */
export async function openMysql(url: string, canCreate: boolean, load: LoadPackage = importPackage): Promise<Store> {
  const parsed = readMysqlUrl(url);
  const library = await load(packageName);
  if (library === undefined) {
    const detail = "a mysql: store needs a database library beside Pawl: npm install mysql2";
    throw new PawlError("invalid_option", detail, { field: "store" });
  }
  const pool = createPool(library.default as MysqlPackage, parsed);
  const store = mysqlStore(pool, {
    prefix: parsed.prefix,
    migrate: canCreate,
    timeoutMilliseconds: callMilliseconds,
  });
  return withOwnPool(store, () => pool.end());
}

function createPool(
  library: MysqlPackage,
  { host, port, user, password, database, tls, connections }: MysqlUrl,
): ReturnType<MysqlPackage["createPool"]> {
  const pool = library.createPool({
    host,
    port,
    user,
    password,
    database,
    connectionLimit: connections,
    connectTimeout: callMilliseconds,
    multipleStatements: true,
    ...(tls ? { ssl: { rejectUnauthorized: true, verifyIdentity: true } } : {}),
  });
  // Sent before what the connection was made for; where it is refused, the bound of the call holds all the same.
  pool.on("connection", (connection) =>
    connection.query(`SET SESSION innodb_lock_wait_timeout = ${lockSeconds}`, () => undefined),
  );
  return pool;
}
