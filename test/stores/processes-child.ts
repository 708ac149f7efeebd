// One of the processes of processes.test.ts: opens the database it is told, says "ready", and on "go" does its part.
// Tokens go back to the parent as hashes only.

import { createHash } from "node:crypto";
import type { SessionRecord, Store } from "../../src/index.ts";
import { createSessions } from "../../src/index.ts";
import { readStore } from "../../src/server/option-values.ts";
import { createStore } from "../../src/server/stores.ts";
import { createSamples } from "../../src/testing/session-samples.ts";

/**
 * What a child is told, as its arguments: a number that tells the children apart, the database as the server takes it, the
 * part, how often to do it.
 */
const [number = "", database = "", part = "", times = "", shared = ""] = process.argv.slice(2);
const secret = Buffer.alloc(32, 7).toString("base64url");

/** Adds one to the shared session until it has done so `times` times; resolves the versions it won. */
async function increment(store: Store, sid: string, times: number): Promise<number[]> {
  const won: number[] = [];
  while (won.length < times) {
    const read = (await store.read(sid)) as SessionRecord;
    const next = { ...read, version: read.version + 1, generation: read.generation + 1 };
    if (await store.commit(next, read.version)) won.push(next.version);
  }
  return won;
}

/** Starts and ends sessions; resolves the numbers it put into the feed. */
async function revoke(store: Store, times: number): Promise<number[]> {
  const samples = createSamples(Number(number));
  return await Promise.all(
    Array.from({ length: times }, async (_, step) => {
      const record = samples.record();
      const notBefore = Number(number) * 1_000_000 + step;
      await store.insert(record);
      await store.commit(samples.ended(record), 1, { sid: record.sid, notBefore, exp: 2_000_000_000 });
      return notBefore;
    }),
  );
}

/** Refreshes the shared token many times under one attempt; resolves the hashes of what came back. */
async function refresh(store: Store, times: number): Promise<string[]> {
  const sessions = await createSessions({ store, ...(store.embeddedSecret ? {} : { secret }) });
  const results = await Promise.all(
    Array.from({ length: times }, async () => {
      const grant = await sessions.refresh({ refreshToken: shared, attempt: "one-attempt-of-both" });
      return createHash("sha256")
        .update(grant.refreshToken ?? "")
        .digest("hex");
    }),
  );
  await sessions.close();
  return results;
}

async function work(store: Store): Promise<unknown> {
  if (part === "increment") return await increment(store, shared, Number(times));
  if (part === "revoke") return await revoke(store, Number(times));
  if (part === "refresh") return await refresh(store, Number(times));
  await store.open();
  if (part === "open") return (await store.listAll(undefined, 1)).length;
  return store.embeddedSecret?.({
    bytes: (length) => new Uint8Array(length).fill(Number(number)),
    signingKey: () => Promise.reject(new Error("not needed")),
  });
}

const store = await createStore(readStore(database), "/");
// To open a fresh database at the same instant is what the other parts are about, so they open later.
if (part === "increment" || part === "revoke") await store.open();
process.once("message", async () => {
  const result = await work(store);
  await store.close();
  process.send?.(result, () => process.disconnect());
});
process.send?.("ready");
