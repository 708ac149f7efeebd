// The secret beside the database file: made once, never replaced while sessions depend on it, never in a message.

import assert from "node:assert/strict";
import { readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { it } from "node:test";
import type { Platform, Store } from "../../src/core/ports.ts";
import { nodePlatform } from "../../src/platform/node.ts";
import { secretFile } from "../../src/stores/sqlite-secret.ts";
import { createSamples } from "../../src/testing/session-samples.ts";
import { createSqliteFiles } from "./sqlite-files.ts";

const files = createSqliteFiles();
const { entropy } = nodePlatform;
/** Pauses pass at once, and are counted. */
function hurried(onPause: (pauses: number) => void = () => {}): Platform {
  let pauses = 0;
  const wait = async (): Promise<void> => {
    pauses += 1;
    onPause(pauses);
  };
  return { ...nodePlatform, scheduler: { ...nodePlatform.scheduler, wait } };
}

async function open(file: string, platform: Platform = nodePlatform): Promise<Store> {
  const store = files.remember(file, { platform });
  await store.open();
  return store;
}

function secretOf(store: Store): Promise<string> {
  assert.ok(store.embeddedSecret);
  return store.embeddedSecret(entropy);
}

it("is made once, as 32 random bytes in a file of its own, and nothing is left beside it", async () => {
  const file = files.fresh();
  const store = await open(file);
  const secrets = await Promise.all(Array.from({ length: 8 }, () => secretOf(store)));
  const [secret] = secrets as [string];
  assert.match(secret, /^[A-Za-z0-9_-]{43}$/);
  assert.equal(new Set(secrets).size, 1);
  assert.equal(readFileSync(secretFile(file), "utf8"), `${secret}\n`);
  await store.close();
  assert.deepEqual(readdirSync(dirname(file)), ["pawl.db", "pawl.db.secret"]);
  const again = await open(file);
  assert.equal(await secretOf(again), secret);
  await again.close();
  const other = await open(files.fresh());
  assert.notEqual(await secretOf(other), secret);
  await other.close();
});

it("may hold several after a rotation by hand", async () => {
  const file = files.fresh();
  const store = await open(file);
  const old = await secretOf(store);
  const both = `${Buffer.from(entropy.bytes(32)).toString("base64url")},${old}`;
  writeFileSync(secretFile(file), `${both}\r\n`);
  assert.equal(await secretOf(store), both);
  await store.close();
});

it("is refused when it is malformed, and is not repeated in the message", async () => {
  const store = await open(files.fresh());
  const file = secretFile(files.of(store));
  const tooShort = Buffer.from(entropy.bytes(31)).toString("base64url");
  for (const text of [tooShort, "not/base64url+at all=", `${tooShort},`, "\0"]) {
    writeFileSync(file, text);
    await assert.rejects(secretOf(store), (error: Error & { code?: string }) => {
      assert.equal(error.code, "store_incompatible");
      assert.ok(!`${error.stack} ${error.cause}`.includes(text.slice(0, 20)), "the message holds the secret");
      return true;
    });
  }
  await store.close();
});

it("is waited for while another process is writing it, but not for ever", async () => {
  const file = files.fresh();
  const late = Buffer.from(entropy.bytes(32)).toString("base64url");
  const store = await open(
    file,
    hurried((pauses) => {
      if (pauses === 5) writeFileSync(secretFile(file), late);
    }),
  );
  writeFileSync(secretFile(file), "");
  assert.equal(await secretOf(store), late);
  writeFileSync(secretFile(file), "");
  await assert.rejects(secretOf(await open(file, hurried())), {
    code: "store_incompatible",
    message: /empty or malformed/,
  });
  await store.close();
});

it("is not made anew while the database holds sessions", async () => {
  const store = await open(files.fresh());
  const file = secretFile(files.of(store));
  const lost = await secretOf(store);
  rmSync(file);
  assert.notEqual(await secretOf(store), lost, "without sessions nobody depends on it");
  await store.insert(createSamples().record());
  rmSync(file);
  await assert.rejects(secretOf(store), { code: "store_incompatible", message: /missing.*PAWL_SECRET/ });
  assert.deepEqual(
    readdirSync(dirname(file)).filter((name) => name.includes("secret")),
    [],
  );
  await store.close();
});
