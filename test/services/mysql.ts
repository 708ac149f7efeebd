// The MariaDB server of a test file: started when a test first asks, ended when the file is done. PAWL_TEST_MYSQL names the
// database of one to use instead, MySQL or MariaDB. Owns whether there can be one, and what is done before its end.

import { after } from "node:test";
import type { Mysql } from "../../sim/services/mysql.ts";
import { missingMariadb, startMysql } from "../../sim/services/mysql.ts";

/** A server that somebody else runs, as a URL with an empty database. */
const external = process.env.PAWL_TEST_MYSQL;

function missing(): string | false {
  const program = missingMariadb();
  return program === undefined || process.env.CI === "true" ? false : `${program} is not there`;
}

/** Why there is no server; `false` where there is one. In CI it is a failure, not a skip. */
export const mysqlMissing: string | false = external === undefined ? missing() : false;

/** Why a test cannot have a server of its own, which it stops or looks into; `false` where it can. */
export const ownMysqlMissing: string | false =
  external === undefined ? missing() : "PAWL_TEST_MYSQL is not ours to stop";

/** A server of one test file. */
export interface MysqlServer {
  /** The URL of its database; starts the server on first use. */
  url(): Promise<string>;
  /** False for a server that somebody else runs. */
  readonly isOwn: boolean;
  /** The server itself. @throws Error for one that is not ours. */
  own(): Promise<Mysql>;
  /** What is to be done at the end of the test file while the server is still there. */
  beforeEnd(task: () => Promise<void>): void;
}

/** Declares the server of a test file; call it at the top level. */
export function mysqlServer(): MysqlServer {
  let starting: Promise<Mysql> | undefined;
  const own = (): Promise<Mysql> => {
    if (external !== undefined) return Promise.reject(new Error("PAWL_TEST_MYSQL is not ours"));
    starting ??= startMysql();
    return starting;
  };
  const endings: (() => Promise<void>)[] = [];
  after(async () => {
    if (starting === undefined && external === undefined) return;
    for (const ending of endings) await ending();
    await (await starting)?.dispose();
  });
  return {
    url: async () => external ?? (await own()).url,
    isOwn: external === undefined,
    own,
    beforeEnd: (task) => {
      endings.push(task);
    },
  };
}
