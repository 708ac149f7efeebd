// Files of database servers that tests start: whom they belong to, and one layout that is made once per machine and copied
// from then on. Knows no database.

import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { readFileSync, renameSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

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

/** Runs a program as this user. @throws Error with what it said when it fails. */
export function run(program: string, argv: readonly string[], account: Account | undefined): void {
  const { status, error, stderr } = spawnSync(program, argv, { ...account, cwd: "/", encoding: "utf8" });
  if (error !== undefined || status !== 0) throw new Error(`${program} failed: ${error ?? stderr}`);
}

/** What a layout depends on, and where it goes. */
export interface Layout {
  /** Of the database, for the name of the file that holds it. */
  readonly name: string;
  /** The server; another build of it lays out anew. */
  readonly program: string;
  /** What else it depends on. */
  readonly key: unknown;
  /** The folder that gets `data`; belongs to `account`. */
  readonly folder: string;
  readonly account: Account | undefined;
}

/** Lays out `data` below the folder: from the file of an earlier time, or by `make`. */
export function layOut({ name, program, key, folder, account }: Layout, make: (data: string) => void): void {
  const uid = account?.uid ?? process.getuid?.() ?? 0;
  const { mtimeMs, size } = statSync(program);
  const digest = createHash("sha256")
    .update(JSON.stringify([key, mtimeMs, size, uid]))
    .digest("hex");
  // One file, so that whoever tidies the temporary folder takes all of it or nothing.
  const template = join(tmpdir(), `pawl-${name}-${digest.slice(0, 16)}.tar`);
  // What somebody else put there is not ours to believe.
  if (statSync(template, { throwIfNoEntry: false })?.uid === uid) {
    run("tar", ["-xf", template, "-C", folder], account);
    return;
  }
  make(join(folder, "data"));
  const packed = join(folder, "data.tar");
  run("tar", ["-cf", packed, "-C", folder, "data"], account);
  try {
    // Whole or not at all; of two at once, the later one wins and is as good.
    renameSync(packed, template);
  } catch {
    rmSync(packed, { force: true });
  }
}
