// `pawl store copy`, `pawl store backup` and `pawl store restore`: the whole of a store in another one.
// Owns what is said, and which secret goes where; copying itself is the business of stores/.

import { existsSync, realpathSync, renameSync, rmSync } from "node:fs";
import { resolve } from "node:path";
import { PawlError } from "../core/errors.ts";
import type { Store } from "../core/ports.ts";
import { entriesLapsedAt } from "../engine/revocation-feed.ts";
import { isLive } from "../engine/views.ts";
import { clientsPrefix } from "../http/oauth-clients.ts";
import { nodePlatform } from "../platform/node.ts";
import { usersPrefix } from "../server/accounts/account.ts";
import { isNetworked, Refused, readStore, type StoreChoice } from "../server/option-values.ts";
import { createStore, refuseMemory, refuseMissing } from "../server/stores.ts";
import { type CopyCounts, copyStore } from "../stores/copy.ts";
import { backUpSqlite } from "../stores/sqlite-backup.ts";
import { restoreSqlite } from "../stores/sqlite-restore.ts";
import { copySecret } from "../stores/sqlite-secret.ts";
import { looksLikeAddress, UsageError } from "./arguments.ts";
import type { Invocation } from "./commands.ts";
import { complain, print, printJson, type Terminal } from "./terminal.ts";

/** After how many sessions a line of progress is printed. */
const progressSessions = 10_000;

/** `pawl store copy <from> [<to>]`: repeatable; see docs/operations.md. */
export async function copy(invocation: Invocation): Promise<number> {
  const { operands, flags, terminal, json } = invocation;
  const from = choose("from", operands[0] as string);
  const to = operands[1] === undefined ? invocation.store() : choose("to", operands[1]);
  for (const choice of [from, to]) refuseMemory(choice);
  refuseMissing(from, terminal.directory);
  if (nameOf(from, terminal) === nameOf(to, terminal)) throw new UsageError("<from> and <to> are the same store");
  const counts = await copyBetween(from, to, terminal, !json, flags.replace === true);
  if (json) printJson(terminal, counts);
  else print(terminal, `${summary(counts)}\n${nextStep(from, to)}`);
  return 0;
}

/** `pawl store backup <file>` */
export async function backup(invocation: Invocation): Promise<number> {
  const { terminal, json, operands } = invocation;
  const file = fileOperand(operands);
  const { store, secret } = invocation.settings();
  refuseMemory(store);
  refuseMissing(store, terminal.directory);
  const target = resolve(terminal.directory, file);
  let hasSecret = false;
  if (store.kind === "sqlite") {
    hasSecret = await backUpSqlite(resolve(terminal.directory, store.file), target, nodePlatform.entropy);
  } else {
    if (existsSync(target)) throw new PawlError("invalid_request", `there is a file already: ${file}`);
    const partial = `${target}.part`;
    for (const suffix of ["", "-wal", "-shm"]) rmSync(`${partial}${suffix}`, { force: true });
    await copyBetween(store, { kind: "sqlite", file: partial }, terminal, !json);
    renameSync(partial, target);
  }
  if (json) printJson(terminal, { file: target, secret: hasSecret });
  else print(terminal, `backed up to ${file}\n${secretOfBackup(file, hasSecret, secret !== undefined)}`);
  return 0;
}

/** `pawl store restore <file>` */
export async function restore(invocation: Invocation): Promise<number> {
  const { terminal, json, operands } = invocation;
  const file = fileOperand(operands);
  const store = invocation.store();
  if (store.kind !== "sqlite") {
    const why = "puts a file in the place of a SQLite store; `pawl store copy sqlite:<file>` fills an empty database";
    throw new PawlError("invalid_option", `store restore ${why}`, { field: "store" });
  }
  refuseMissing({ kind: "sqlite", file }, terminal.directory);
  const stamp = new Date(nodePlatform.clock.now()).toISOString().replaceAll(/[-:]|\.\d+/g, "");
  const [from, to] = [file, store.file].map((name) => resolve(terminal.directory, name)) as [string, string];
  const same = (name: string): string => (existsSync(name) ? realpathSync(name) : name);
  if (same(from) === same(to)) throw new UsageError("<file> is the store itself");
  const { hasSecret, kept } = await restoreSqlite(from, to, stamp);
  if (json) {
    printJson(terminal, { store: to, secret: hasSecret, kept: kept ?? null });
    return 0;
  }
  const was = kept === undefined ? "" : `\nWhat was there is ${kept} now.`;
  const secret = hasSecret ? "" : "\nNo secret came with the backup: servers need the one that it was used with.";
  const next = "Before a server starts, end what the backup brings back:\n  pawl sessions revoke --before";
  print(terminal, `restored from ${file}${was}${secret}\n${next} ${new Date(nodePlatform.clock.now()).toISOString()}`);
  return 0;
}

/** @throws UsageError, which repeats nothing of an address */
function fileOperand([file = ""]: readonly string[]): string {
  if (looksLikeAddress(file)) throw new UsageError("<file> is a file; the store is named by --store or PAWL_STORE");
  return file.startsWith("sqlite:") ? file.slice("sqlite:".length) : file;
}

function secretOfBackup(file: string, hasSecret: boolean, isConfigured: boolean): string {
  if (!hasSecret) return "The secret is not in it: keep PAWL_SECRET, without which nobody stays signed in.";
  const also = isConfigured ? " PAWL_SECRET, which servers use instead, is not in it." : "";
  return `Its secret is in ${file}.secret: whoever has both files can make tokens. Keep them as you keep passwords.${also}`;
}

function choose(which: string, text: string): StoreChoice {
  try {
    return readStore(text);
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    throw new UsageError(`<${which}> must be sqlite:<file>, postgres://…, mysql://… or redis://… (rediss://…)`);
  }
}

function nameOf(choice: StoreChoice, { directory }: Terminal): string {
  if (choice.kind === "memory") return choice.kind;
  if (choice.kind !== "sqlite") return choice.url;
  const file = resolve(directory, choice.file);
  try {
    return realpathSync(file);
  } catch {
    return file;
  }
}

async function copyBetween(
  from: StoreChoice,
  to: StoreChoice,
  terminal: Terminal,
  isTold: boolean,
  mayReplace = false,
): Promise<CopyCounts> {
  const { directory } = terminal;
  const warn = (sentence: string): void => complain(terminal, sentence);
  const source = await createStore(from, directory, false);
  const target = await createStore(to, directory, true, warn);
  return withOpen([source, target], async () => {
    if (from.kind === "sqlite" && to.kind === "sqlite") {
      copySecret(resolve(directory, from.file), resolve(directory, to.file), nodePlatform.entropy);
    }
    const now = nodePlatform.clock.now();
    let told = 0;
    return copyStore(source, target, {
      nowSeconds: entriesLapsedAt(now),
      isLive: (record) => isLive(record, now),
      mayReplace: ({ key }) => mayReplace || ![usersPrefix, clientsPrefix].some((prefix) => key.startsWith(prefix)),
      onProgress: ({ sessions }) => {
        if (!isTold || sessions < told + progressSessions) return;
        told = sessions - (sessions % progressSessions);
        terminal.errors.write(`${told} sessions …\n`);
      },
    });
  });
}

async function withOpen<Result>(stores: readonly Store[], work: () => Promise<Result>): Promise<Result> {
  try {
    for (const store of stores) await store.open();
    return await work();
  } finally {
    await Promise.all(stores.map((store) => store.close()));
  }
}

function summary(counts: CopyCounts): string {
  const { sessions, added, updated, removed, documents, revocations } = counts;
  return `sessions: ${sessions} (${added} added, ${updated} updated, ${removed} removed), documents changed: ${documents}, revocations: ${revocations}`;
}

function nextStep(from: StoreChoice, to: StoreChoice): string {
  const again = "If servers have used the source meanwhile, stop them and run the same command again.";
  if (from.kind === "sqlite" && isNetworked(to)) {
    return `${again}\nServers on the new store need the secret of the old one: PAWL_SECRET, or else what is in ${from.file}.secret.`;
  }
  if (isNetworked(from) && to.kind === "sqlite") return `${again}\nKeep PAWL_SECRET set for servers on the new store.`;
  return again;
}
