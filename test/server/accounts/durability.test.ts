// Accounts on a real database file: what was acknowledged is there after closing and opening it again.

import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { createAccounts } from "../../../src/server/accounts/accounts.ts";
import { sqliteStore } from "../../../src/stores/sqlite.ts";
import { goodPassword, otherPassword, refusal, stillPlatform } from "./fixture.ts";

test("accounts, disabling and resets survive in a SQLite file, and no secret is in it", async (context) => {
  const folder = mkdtempSync(join(tmpdir(), "pawl-accounts-"));
  context.after(() => rmSync(folder, { recursive: true, force: true }));
  const platform = stillPlatform();
  const open = async () => {
    const store = sqliteStore(join(folder, "pawl.db"));
    await store.open();
    return { store, accounts: createAccounts({ store, platform }) };
  };

  const first = await open();
  const [ada, bob] = [
    await first.accounts.add("Ada@Example.com", goodPassword, "Ada"),
    await first.accounts.add("jörg@bücher.example", goodPassword),
  ];
  await first.accounts.disable("jörg@bücher.example");
  const { token } = await first.accounts.createReset("ada@example.com");
  await first.store.close();

  const bytes = readdirSync(folder).map((file) => readFileSync(join(folder, file)).toString("latin1"));
  for (const secret of [token, goodPassword]) assert.ok(bytes.every((text) => !text.includes(secret)));

  const second = await open();
  assert.equal((await second.accounts.verify({ email: "ada@example.com", password: goodPassword })).id, ada.id);
  assert.equal((await second.accounts.findByEmail("JÖRG@BÜCHER.example"))?.id, bob.id);
  await refusal(
    second.accounts.verify({ email: "jörg@bücher.example", password: goodPassword }),
    "invalid_credentials",
  );
  await refusal(second.accounts.add("ADA@EXAMPLE.COM", goodPassword), "account_exists");
  await second.accounts.redeemReset(token, otherPassword);
  await second.store.close();

  const third = await open();
  await third.accounts.verify({ email: "ada@example.com", password: otherPassword });
  await refusal(third.accounts.redeemReset(token, goodPassword), "invalid_credentials");
  assert.equal((await third.accounts.list(undefined, 10)).length, 2);
  await third.store.close();
});
