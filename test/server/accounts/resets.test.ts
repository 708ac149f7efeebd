// One-time reset tokens: once, for an hour, void after any change of the password, never stored.

import assert from "node:assert/strict";
import { test } from "node:test";
import { createAccounts } from "../../../src/server/accounts/accounts.ts";
import { resetPassword } from "../../../src/server/accounts/ending.ts";
import { resetsPurgeMax, resetTtlSeconds } from "../../../src/server/accounts/resets.ts";
import type { PasswordReset } from "../../../src/server/accounts/types.ts";
import { createFixture, createGate, goodPassword, otherPassword, overtakeWrites, refusal } from "./fixture.ts";

const email = "ada@example.com";

test("sets a new password once, and ends the sessions", async () => {
  const { accounts, store } = await createFixture();
  const user = await accounts.register({ email, password: goodPassword });
  const { token, account } = await accounts.createReset("ADA@example.com");
  assert.match(token, /^[A-Za-z0-9_-]{43}$/);
  assert.equal(account.id, user.id);
  assert.ok(!JSON.stringify(await store.listDocuments("", undefined, 10)).includes(token), "only its hash is stored");
  const revoked: string[] = [];
  const revokeAll = async (subject: string, reason: string): Promise<number> => revoked.push(`${subject} ${reason}`);
  await resetPassword(accounts, { revokeAll }, token, otherPassword);
  assert.deepEqual(revoked, [`${user.id} password_change`]);
  assert.equal(await accounts.stillValid(user), false);
  await refusal(accounts.verify({ email, password: goodPassword }), "invalid_credentials");
  await accounts.verify({ email, password: otherPassword });
  await refusal(resetPassword(accounts, { revokeAll }, token, goodPassword), "invalid_credentials");
  assert.equal(revoked.length, 1, "a refused token ends nothing");
  assert.deepEqual(await store.listDocuments("resets/", undefined, 10), []);
});

test("a refused password does not use the token up", async () => {
  const { accounts } = await createFixture();
  await accounts.add(email, goodPassword);
  const { token } = await accounts.createReset(email);
  await refusal(accounts.redeemReset(token, "passwordpassword"), "weak_password");
  await refusal(accounts.redeemReset(token, "short"), "weak_password");
  await accounts.redeemReset(token, otherPassword);
});

test("is good for an hour, to the millisecond", async () => {
  const { accounts, platform } = await createFixture();
  await accounts.add(email, goodPassword);
  const first = await accounts.createReset(email);
  assert.equal(first.expiresAt, platform.clock.now() + resetTtlSeconds * 1000);
  platform.pass(resetTtlSeconds - 0.001);
  const second = await accounts.createReset(email);
  await accounts.redeemReset(first.token, otherPassword);
  platform.pass(1);
  await refusal(accounts.redeemReset(second.token, goodPassword), "invalid_credentials");
  const third = await accounts.createReset(email);
  platform.pass(resetTtlSeconds);
  await refusal(accounts.redeemReset(third.token, goodPassword), "invalid_credentials");
});

test("is void after a change of the password, for a disabled user, and for unknown tokens", async () => {
  const { accounts } = await createFixture();
  const user = await accounts.add(email, goodPassword);
  const { token } = await accounts.createReset(email);
  await accounts.changePassword({ subject: user.id, currentPassword: goodPassword, newPassword: otherPassword });
  await refusal(accounts.redeemReset(token, "nine crows over a field"), "invalid_credentials");
  await refusal(accounts.redeemReset(token, "short"), "invalid_credentials");
  const next = await accounts.createReset(email);
  await accounts.disable(email);
  await refusal(accounts.redeemReset(next.token, "nine crows over a field"), "invalid_credentials");
  await refusal(accounts.createReset(email), "not_found");
  await refusal(accounts.createReset("nobody@example.com"), "not_found");
  await refusal(accounts.createReset("not an address"), "not_found");
  for (const unknown of ["", "x", "A".repeat(43), "A".repeat(44), undefined as unknown as string]) {
    await refusal(accounts.redeemReset(unknown, goodPassword), "invalid_credentials");
  }
});

test("of two who redeem one token at the same moment one wins", async () => {
  const { store, platform, accounts } = await createFixture();
  await accounts.add(email, goodPassword);
  const { token } = await accounts.createReset(email);
  const gate = createGate(2);
  const gated = createAccounts({
    platform,
    store: {
      ...store,
      writeDocuments: async (changes) => {
        await gate();
        return store.writeDocuments(changes);
      },
    },
  });
  const passwords = [otherPassword, "nine crows over a field"];
  const results = await Promise.allSettled(passwords.map((password) => gated.redeemReset(token, password)));
  const won = results.findIndex((result) => result.status === "fulfilled");
  const lost = results[1 - won];
  assert.ok(lost?.status === "rejected" && lost.reason.code === "invalid_credentials");
  await accounts.verify({ email, password: passwords[won] ?? "" });
});

test("a password change in the middle of a redemption wins", async () => {
  const { store, platform, accounts } = await createFixture();
  const { id } = await accounts.add(email, goodPassword);
  const { token } = await accounts.createReset(email);
  const change = { subject: id, currentPassword: goodPassword, newPassword: otherPassword };
  const overtaken = createAccounts({ platform, store: overtakeWrites(store, () => accounts.changePassword(change)) });
  await refusal(overtaken.redeemReset(token, "nine crows over a field"), "invalid_credentials");
  await accounts.verify({ email, password: otherPassword });
});

test("a reset lets in an owner whom guessing had slowed down", async () => {
  const { accounts } = await createFixture();
  await accounts.add(email, goodPassword);
  for (let time = 0; time < 5; time++) {
    await refusal(accounts.verify({ email, password: otherPassword, ip: "198.51.100.1" }), "invalid_credentials");
  }
  await refusal(accounts.verify({ email, password: goodPassword, ip: "198.51.100.1" }), "rate_limited");
  await accounts.redeemReset((await accounts.createReset(email)).token, otherPassword);
  await accounts.verify({ email, password: otherPassword, ip: "198.51.100.1" });
});

test("hands each reset to the hook before it resolves, and rejects when the hook does", async () => {
  const sent: PasswordReset[] = [];
  const { accounts } = await createFixture({
    onPasswordReset: async (reset) => {
      await Promise.resolve();
      if (sent.push(reset) > 1) throw new Error("no mail today");
    },
  });
  await accounts.add(email, goodPassword);
  const reset = await accounts.createReset(email);
  assert.deepEqual(sent, [reset]);
  await assert.rejects(accounts.createReset(email), /no mail today/);
});

test("lapsed resets are swept up in bounded steps, live ones stay", async () => {
  const { accounts, store, platform } = await createFixture();
  await accounts.add(email, goodPassword);
  for (let at = 0; at < resetsPurgeMax + 20; at++) await accounts.createReset(email);
  platform.pass(resetTtlSeconds);
  const live = await accounts.createReset(email);
  assert.ok((await store.listDocuments("resets/", undefined, 1000)).length < resetsPurgeMax, "creating sweeps too");
  const removed = [await accounts.purgeResets(), await accounts.purgeResets()];
  assert.ok(removed.every((count) => count <= resetsPurgeMax));
  await accounts.purgeResets();
  assert.equal((await store.listDocuments("resets/", undefined, 1000)).length, 1);
  await accounts.redeemReset(live.token, otherPassword);
});
