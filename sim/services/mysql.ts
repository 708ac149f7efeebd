// Real MariaDB servers for tests and for the torture, as Debian packs them, each on a free port in a temporary folder. Ends
// only processes it started, by their handle. Owns the servers and their user; knows no store and no test runner.

import type { ChildProcess } from "node:child_process";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { chmodSync, chownSync, existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import mysql from "mysql2/promise";
import { freePort } from "../free-port.ts";
import { type Account, accountForServer, layOut, run } from "./files.ts";

const server = "/usr/sbin/mariadbd";
const layoutProgram = "/usr/bin/mariadb-install-db";
const user = "root";
const database = "pawl";
const startMilliseconds = 30_000;
const startAttemptsMax = 3;
const askMilliseconds = 50;

/** Where a program of it would be; `undefined` when they are there. */
export function missingMariadb(): string | undefined {
  return [server, layoutProgram].find((program) => !existsSync(program));
}

/** A server. */
export interface Mysql {
  /** The URL of its database. */
  readonly url: string;
  /** The folder of its files. */
  readonly folder: string;
  /** Starts it again after {@link Mysql.crash}, on the same port. */
  start(): Promise<void>;
  /** Ends it as a crash would; what was written stays. */
  crash(): Promise<void>;
  /** Ends it whatever its state, and removes its files. */
  dispose(): Promise<void>;
}

const running = new Set<ChildProcess>();
process.once("exit", () => {
  for (const child of running) child.kill("SIGKILL");
});

/** Nothing is flushed: tests prove what a statement does, not what a disk does. Only processes are killed here. */
const settings = ["--no-defaults", "--innodb-flush-method=nosync", "--innodb-log-file-size=16M"];

function initialize(folder: string, account: Account | undefined): void {
  const words = [...settings, "--auth-root-authentication-method=normal", "--skip-test-db", "--skip-name-resolve"];
  layOut({ name: "mariadb", program: server, key: words, folder, account }, (data) =>
    run(layoutProgram, [...words, `--datadir=${data}`], account),
  );
}

/** Starts a server. */
export async function startMysql(): Promise<Mysql> {
  const account = accountForServer();
  const folder = mkdtempSync(join(tmpdir(), "pawl-mariadb-"));
  chmodSync(folder, 0o755);
  if (account !== undefined) chownSync(folder, account.uid, account.gid);
  const data = join(folder, "data");
  let child: ChildProcess | undefined;
  let port = 0;
  const url = (name: string): string => `mysql://${user}@127.0.0.1:${port}/${name}`;
  const crash = async (): Promise<void> => {
    const ending = child;
    child = undefined;
    if (ending === undefined || ending.exitCode !== null || ending.signalCode !== null) return;
    const ended = once(ending, "exit");
    ending.kill("SIGKILL");
    await ended;
  };
  const dispose = async (): Promise<void> => {
    await crash();
    rmSync(folder, { recursive: true, force: true });
  };
  const start = async (): Promise<void> => {
    const address = ["--bind-address=127.0.0.1", `--port=${port}`, `--socket=${join(folder, "socket")}`];
    const more = [
      "--skip-name-resolve",
      "--max-connections=200",
      `--datadir=${data}`,
      `--pid-file=${join(folder, "pid")}`,
    ];
    const started = spawn(server, [...settings, ...address, ...more], { ...account, cwd: folder, stdio: "ignore" });
    child = started;
    running.add(started);
    started.once("exit", () => running.delete(started));
    const ended = once(started, "exit").then(() => Promise.reject(new Error("it ended")));
    await Promise.race([makeDatabase(url("")), ended]);
    ended.catch(() => {});
  };
  try {
    initialize(folder, account);
    for (let attempt = 1; ; attempt += 1) {
      port = await freePort();
      try {
        await start();
        break;
      } catch (error) {
        // Somebody else may have taken the port since we looked.
        await crash();
        if (attempt === startAttemptsMax) throw error;
      }
    }
    return { url: url(database), folder: data, start, crash, dispose };
  } catch (error) {
    await dispose();
    throw error;
  }
}

/** Resolves when the server answers and has the database; the time it takes is bounded. */
async function makeDatabase(uri: string): Promise<void> {
  const end = Date.now() + startMilliseconds;
  for (;;) {
    try {
      const connection = await mysql.createConnection({ uri });
      await connection.query(`CREATE DATABASE IF NOT EXISTS ${database}`);
      return await connection.end();
    } catch (error) {
      if (Date.now() > end) throw error;
      await new Promise((resolve) => setTimeout(resolve, askMilliseconds));
    }
  }
}
