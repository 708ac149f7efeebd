// A real PgBouncer in transaction mode for tests, as Debian packs it, in front of a Postgres server of the same test file.
// Started when a test first asks and ended, by process id, when the file is done. PAWL_TEST_PGBOUNCER names another program.

import type { ChildProcess } from "node:child_process";
import { spawn } from "node:child_process";
import { chmodSync, existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { freePort } from "../../sim/free-port.ts";
import { accountForServer } from "../../sim/services/files.ts";
import { answers } from "../../sim/services/postgres.ts";
import type { PostgresServer } from "./postgres.ts";
import { ownServerMissing } from "./postgres.ts";

const program = process.env.PAWL_TEST_PGBOUNCER ?? "/usr/sbin/pgbouncer";
/** Fewer than the clients, so that they really share. */
const serverConnections = 3;

/** Why there can be none here; `false` where there can. In CI it is a failure, not a skip. */
export function pgBouncerMissing(): string | false {
  if (ownServerMissing(18) !== false) return ownServerMissing(18);
  return existsSync(program) || process.env.CI === "true" ? false : `${program} is not installed`;
}

/** The same server, through the pooler. */
export function throughPgBouncer(server: PostgresServer): PostgresServer {
  let starting: Promise<string> | undefined;
  let child: ChildProcess | undefined;
  const folder = mkdtempSync(join(tmpdir(), "pawl-pgbouncer-"));
  const start = async (): Promise<string> => {
    const url = new URL(await server.url());
    const port = await freePort();
    const lines = {
      "pgbouncer.ini": [
        "[databases]",
        `postgres = host=${url.hostname} port=${url.port}`,
        "[pgbouncer]",
        "listen_addr = 127.0.0.1",
        `listen_port = ${port}`,
        "unix_socket_dir =",
        "auth_type = scram-sha-256",
        `auth_file = ${join(folder, "users")}`,
        "pool_mode = transaction",
        `default_pool_size = ${serverConnections}`,
        "max_client_conn = 200",
      ],
      users: [`"${url.username}" "${decodeURIComponent(url.password)}"`],
    };
    chmodSync(folder, 0o755);
    for (const [name, text] of Object.entries(lines)) writeFileSync(join(folder, name), `${text.join("\n")}\n`);
    child = spawn(program, ["-q", join(folder, "pgbouncer.ini")], { ...accountForServer(), cwd: "/", stdio: "ignore" });
    process.once("exit", () => child?.kill("SIGKILL"));
    url.port = String(port);
    await answers(url.href);
    return url.href;
  };
  server.beforeEnd(async () => {
    child?.kill("SIGKILL");
    rmSync(folder, { recursive: true, force: true });
  });
  return {
    ...server,
    url: () => {
      starting ??= start();
      return starting;
    },
  };
}
