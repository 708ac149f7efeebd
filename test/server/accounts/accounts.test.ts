// Accounts over a real store: registering, signing in, operators' changes, and what HTTP clients get to see of them.

import assert from "node:assert/strict";
import { test } from "node:test";
import { createAccounts } from "../../../src/server/accounts/accounts.ts";
import { disableUser } from "../../../src/server/accounts/ending.ts";
import { memoryStore } from "../../../src/stores/memory.ts";
import { createFixture, goodPassword, otherPassword, refusal, stillPlatform } from "./fixture.ts";

const email = "Ada@Example.com";

test("registers, and signs in under any spelling of the address", async () => {
  const { accounts } = await createFixture();
  const user = await accounts.register({ email: ` ${email} `, password: goodPassword, name: " Ada Lovelace " });
  assert.match(user.id, /^[A-Za-z0-9_-]{16}$/);
  assert.deepEqual({ ...user, id: "" }, { id: "", email, name: "Ada Lovelace" });
  for (const spelling of [email, "ada@example.com", " ADA@EXAMPLE.COM"]) {
    assert.deepEqual(await accounts.verify({ email: spelling, password: goodPassword }), user);
  }
  assert.deepEqual(await accounts.verifySubject({ subject: user.id, password: goodPassword }), user);
});

test("a password is compared in NFC and otherwise exactly", async () => {
  const { accounts } = await createFixture();
  await accounts.register({ email, password: "  cafe\u0301 beyond the dunes" });
  await accounts.verify({ email, password: "  café beyond the dunes" });
  for (const wrong of ["café beyond the dunes", "  Café beyond the dunes", "  cafe beyond the dunes"]) {
    await refusal(accounts.verify({ email, password: wrong }), "invalid_credentials");
  }
});

test("stores no password, and the address once, in lower case", async () => {
  const { accounts, store } = await createFixture();
  const { id } = await accounts.add(email, goodPassword);
  const documents = [...(await store.listDocuments("", undefined, 10))];
  assert.deepEqual(documents.map((document) => document.key).sort(), [`emails/ada@example.com`, `users/${id}`]);
  const text = JSON.stringify(documents);
  assert.ok(text.includes("$argon2id$") && !text.includes(goodPassword));
});

test("refuses a second account of one address, also at the same moment", async () => {
  const { accounts, store } = await createFixture();
  const both = await Promise.allSettled(
    ["ada@example.com", "ADA@example.com", " ada@EXAMPLE.com"].map((each) =>
      accounts.register({ email: each, password: goodPassword }),
    ),
  );
  assert.equal(both.filter((each) => each.status === "fulfilled").length, 1);
  for (const each of both) if (each.status === "rejected") assert.equal(each.reason.code, "account_exists");
  assert.equal((await store.listDocuments("users/", undefined, 10)).length, 1, "no account without an address");
  await refusal(accounts.register({ email, password: goodPassword }), "account_exists");
});

test("refuses bad input with a typed error", async () => {
  const { accounts } = await createFixture();
  const bad = { email: 1, password: 2, name: 3 } as unknown as { email: string; password: string; name: string };
  const invalid = [
    { email: "nobody", password: goodPassword },
    { email, password: goodPassword, name: "a\u0000b" },
    { email, password: goodPassword, name: "n".repeat(129) },
    { email, password: `${goodPassword}\ud800` },
    { email: bad.email, password: goodPassword },
    { email, password: bad.password },
    { email, password: goodPassword, name: bad.name },
  ];
  for (const input of invalid) await refusal(accounts.register(input), "invalid_request");
  await refusal(accounts.register({ email, password: "short" }), "weak_password");
  await refusal(accounts.register({ email, password: "ada@example.com" }), "weak_password");
  await refusal(accounts.verify({ email: bad.email, password: "x" }), "invalid_request");
  await refusal(accounts.verify({ email, password: bad.password }), "invalid_request");
  await refusal(accounts.list("not an id", 10), "invalid_request");
  await refusal(accounts.list(undefined, 1001), "invalid_request");
  await refusal(accounts.list(undefined, 0), "invalid_request");
  await refusal(accounts.disable("nobody@example.com"), "not_found");
  assert.equal(await accounts.findByEmail("nobody@example.com"), undefined);
  assert.equal(await accounts.findByEmail("not an address"), undefined);
  assert.equal(await accounts.find("no such subject"), undefined);
});

test("refuses options out of bounds", () => {
  const [store, platform] = [memoryStore(), stillPlatform()];
  for (const passwordLengthMin of [7, 129, 8.5, Number.NaN]) {
    assert.throws(() => createAccounts({ store, platform, passwordLengthMin }), { code: "invalid_option" });
  }
  for (const contextWords of [Array.from({ length: 17 }, () => "word"), ["w".repeat(65)]]) {
    assert.throws(() => createAccounts({ store, platform, contextWords }), { code: "invalid_option" });
  }
});

test("closed registration leaves the accounts to operators", async () => {
  const { accounts } = await createFixture({ registration: "closed" });
  await refusal(accounts.register({ email, password: goodPassword }), "registration_closed");
  await accounts.add(email, goodPassword);
  await accounts.verify({ email, password: goodPassword });
});

test("a lower minimum and other context words can be set", async () => {
  const { accounts } = await createFixture({ passwordLengthMin: 8, contextWords: ["acme"] });
  await refusal(accounts.add(email, "acme-2026-acme"), "weak_password");
  await accounts.add(email, "jf8Kd02m");
});

test("unknown user, disabled user and wrong password look the same", async () => {
  const { accounts } = await createFixture();
  await accounts.add(email, goodPassword);
  await accounts.add("off@example.com", goodPassword);
  await accounts.disable("off@example.com");
  const answers: string[] = [];
  for (const [who, password] of [
    ["nobody@example.com", goodPassword],
    ["not an address", goodPassword],
    ["off@example.com", goodPassword],
    [email, otherPassword],
    [email, "x".repeat(5000)],
  ] as const) {
    const { message, detail, facts } = await refusal(accounts.verify({ email: who, password }), "invalid_credentials");
    answers.push(JSON.stringify([message, detail, facts]));
  }
  assert.equal(new Set(answers).size, 1);
});

test("an unknown user and a wrong password take about the same time", async () => {
  const { accounts } = await createFixture({ throttle: false });
  await accounts.add(email, goodPassword);
  const measure = async (who: string): Promise<number> => {
    const start = performance.now();
    await refusal(accounts.verify({ email: who, password: otherPassword }), "invalid_credentials");
    return performance.now() - start;
  };
  const known: number[] = [];
  const unknown: number[] = [];
  // Side by side, so that a busy machine slows both.
  for (let time = 0; time < 15; time++) {
    known.push(await measure(email));
    unknown.push(await measure("nobody@example.com"));
  }
  const median = (values: number[]): number => values.sort((one, other) => one - other)[7] ?? 0;
  const ratio = median(unknown) / median(known);
  assert.ok(ratio > 0.5 && ratio < 2, `unknown/known = ${ratio.toFixed(2)}`);
});

test("lists in pages, without passwords", async () => {
  const { accounts } = await createFixture();
  const added = [];
  for (const each of ["a@example.com", "b@example.com", "c@example.com"])
    added.push(await accounts.add(each, goodPassword));
  const first = await accounts.list(undefined, 2);
  const second = await accounts.list(first.at(-1)?.id, 2);
  assert.deepEqual([first.length, second.length], [2, 1]);
  const byId = (list: readonly { id: string }[]) => [...list].sort((one, other) => (one.id < other.id ? -1 : 1));
  assert.deepEqual(byId([...first, ...second]), byId(added));
  assert.deepEqual(Object.keys(added[0] ?? {}), ["id", "email", "name", "disabled", "createdAt", "passwordChangedAt"]);
});

test("a disabled user cannot sign in, is shown to nobody, and can be enabled again", async () => {
  const { accounts } = await createFixture();
  const user = await accounts.register({ email, password: goodPassword });
  assert.equal(await accounts.stillValid(user), true);
  assert.deepEqual(await accounts.find(user.id), user);
  const calls: string[] = [];
  const revokeAll = async (subject: string, reason: string): Promise<number> => {
    calls.push(`${subject === user.id} ${reason} disabled=${(await accounts.findByEmail(email))?.disabled}`);
    return 3;
  };
  const ended = await disableUser(accounts, { revokeAll }, email);
  assert.deepEqual([ended.revoked, ended.account.disabled, calls], [3, true, ["true user_disabled disabled=true"]]);
  assert.equal(await accounts.stillValid(user), false, "a sign-in that raced it is undone");
  assert.equal(await accounts.find(user.id), undefined);
  await refusal(accounts.verify({ email, password: goodPassword }), "invalid_credentials");
  await refusal(accounts.verifySubject({ subject: user.id, password: goodPassword }), "invalid_credentials");
  const change = { subject: user.id, currentPassword: goodPassword, newPassword: otherPassword };
  await refusal(accounts.changePassword(change), "invalid_credentials");
  assert.equal((await accounts.disable(email)).disabled, true, "idempotent");
  assert.equal((await accounts.enable(email)).disabled, false);
  await accounts.verify({ email, password: goodPassword });
});

test("changes the password after checking the current one", async () => {
  const { accounts, platform } = await createFixture();
  const before = await accounts.register({ email, password: goodPassword });
  platform.pass(60);
  const input = { subject: before.id, currentPassword: goodPassword, newPassword: otherPassword };
  await refusal(accounts.changePassword({ ...input, currentPassword: otherPassword }), "invalid_credentials");
  await refusal(accounts.changePassword({ ...input, newPassword: "passwordpassword" }), "weak_password");
  await refusal(accounts.changePassword({ ...input, newPassword: "ada-example-ada" }), "weak_password");
  await refusal(accounts.changePassword({ ...input, subject: "nobody" }), "invalid_credentials");
  const after = await accounts.changePassword(input);
  assert.deepEqual(after, before);
  assert.deepEqual([await accounts.stillValid(before), await accounts.stillValid(after)], [false, true]);
  await refusal(accounts.verify({ email, password: goodPassword }), "invalid_credentials");
  assert.equal(await accounts.stillValid(await accounts.verify({ email, password: otherPassword })), true);
  const view = await accounts.findByEmail(email);
  assert.equal((view?.passwordChangedAt ?? 0) - (view?.createdAt ?? 0), 60_000);
});

test("a user object that was not verified here is not valid", async () => {
  const { accounts } = await createFixture();
  const user = await accounts.register({ email, password: goodPassword });
  assert.equal(await accounts.stillValid({ ...user }), false);
  assert.equal(await accounts.stillValid({ id: "x".repeat(16), email, name: null }), false);
});

test("find is cached for a minute and sees local changes at once", async () => {
  let reads = 0;
  const { accounts, platform, store } = await createFixture({}, (inner) => ({
    ...inner,
    readDocument: (key) => {
      reads += 1;
      return inner.readDocument(key);
    },
  }));
  const { id } = await accounts.add(email, goodPassword);
  reads = 0;
  for (let time = 0; time < 10; time++) assert.equal((await accounts.find(id))?.email, email);
  assert.equal(reads, 1);
  // Another process on the same store disables the user: seen after a minute at the latest.
  await createAccounts({ store, platform }).disable(email);
  platform.pass(59.999);
  assert.equal((await accounts.find(id))?.id, id);
  platform.pass(0.001);
  assert.equal(await accounts.find(id), undefined);
  await accounts.enable(email);
  assert.equal((await accounts.find(id))?.id, id);
  await accounts.disable(email);
  assert.equal(await accounts.find(id), undefined, "a change made here is seen at once");
});

test("guessing is slowed down, on sign-in, within a session and on registration", async () => {
  const { accounts, platform } = await createFixture();
  const [home, attacker] = ["192.0.2.1", "198.51.100.1"];
  const user = await accounts.register({ email, password: goodPassword, ip: home });
  for (const who of [email, "nobody@example.com"]) {
    const guess = { email: who, password: otherPassword, ip: attacker };
    for (let time = 0; time < 5; time++) await refusal(accounts.verify(guess), "invalid_credentials");
    const refused = await refusal(accounts.verify(guess), "rate_limited");
    assert.equal(refused.facts.retryAfterSeconds, 30, who);
  }
  // The guesser's address has to wait with the right password, too; nobody else has.
  await refusal(accounts.verify({ email, password: goodPassword, ip: attacker }), "rate_limited");
  await accounts.verify({ email, password: goodPassword, ip: "203.0.113.5" });
  await accounts.verify({ email: "ADA@example.com", password: goodPassword, ip: home });
  platform.pass(30);
  await accounts.verify({ email, password: goodPassword, ip: attacker });

  const within = { subject: user.id, ip: "198.51.100.2" };
  for (let time = 0; time < 3; time++) {
    await refusal(accounts.verifySubject({ ...within, password: otherPassword }), "invalid_credentials");
  }
  const change = { ...within, currentPassword: otherPassword, newPassword: otherPassword };
  for (let time = 0; time < 2; time++) await refusal(accounts.changePassword(change), "invalid_credentials");
  await refusal(accounts.changePassword({ ...change, currentPassword: goodPassword }), "rate_limited");
  await refusal(accounts.verifySubject({ ...within, password: goodPassword }), "rate_limited");
  await accounts.verifySubject({ subject: user.id, password: goodPassword, ip: home });

  const again = { email, password: goodPassword, ip: attacker };
  for (let time = 0; time < 100; time++) await refusal(accounts.register(again), "account_exists");
  await refusal(accounts.register(again), "rate_limited");
});

test("a hundred guesses at once are five guesses", async () => {
  const { accounts } = await createFixture();
  await accounts.add(email, goodPassword);
  const guesses = Array.from({ length: 60 }, () =>
    accounts.verify({ email, password: otherPassword, ip: "192.0.2.9" }),
  );
  const codes = (await Promise.allSettled(guesses)).map((each) =>
    each.status === "rejected" ? each.reason.code : "in",
  );
  assert.equal(codes.filter((code) => code === "invalid_credentials").length, 5);
  assert.equal(codes.filter((code) => code === "rate_limited").length, 55);
});

test("many honest sign-ins at once all succeed", async () => {
  const { accounts } = await createFixture();
  await accounts.add(email, goodPassword);
  const signIns = Array.from({ length: 30 }, () => accounts.verify({ email, password: goodPassword, ip: "192.0.2.9" }));
  assert.equal((await Promise.all(signIns)).length, 30);
});

test("registers nobody once the request is past its deadline, however long the hash took", async () => {
  const platform = stillPlatform();
  // The clock jumps while the account is prepared: after the last read before the hash.
  const { accounts, store } = await createFixture({ platform }, (inner) => ({
    ...inner,
    readDocument: async (key) => {
      platform.pass(5);
      return inner.readDocument(key);
    },
  }));
  const deadlineAt = platform.clock.now() + 10_000;
  const input = { email, password: goodPassword, deadlineAt };
  const late = await refusal(accounts.register({ ...input, deadlineAt: deadlineAt - 5000 }), "store_unavailable");
  assert.equal(late.facts.retryAfterSeconds, 1);
  assert.deepEqual(await store.listDocuments("", undefined, 10), [], "nothing was written");
  const user = await accounts.register({ ...input, deadlineAt: deadlineAt + 60_000 });
  assert.equal(user.email, email);
});
