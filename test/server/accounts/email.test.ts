// Shapes of addresses, and which spellings are one address.

import assert from "node:assert/strict";
import { test } from "node:test";
import { emailCharactersMax, readEmail, requireEmail } from "../../../src/server/accounts/email.ts";

test("accepts ordinary, tagged, dotless and international addresses", () => {
  const accepted = [
    "a@b",
    "ada@example.com",
    "a.b+tag@mail.example.co",
    "o'neil_1@x-y.example",
    "jörg@bücher.example",
    "用户@例子.公司",
  ];
  for (const text of accepted) assert.equal(readEmail(text)?.shown, text, text);
});

test("refuses what is no address", () => {
  const refused = [
    "",
    "@",
    "a@",
    "@b",
    "a@b@c",
    "a b@c.d",
    "a@b c",
    "a@-b.c",
    "a@b-.c",
    "a@b..c",
    "a@.b",
    "a@b.",
    "a\u0000@b.c",
    "a@b.c\nx",
    "a\u200b@b.c",
    "a\u202e@b.c",
    "a@b.c\ud800",
    `<a@b.c>`,
    "a,b@c.d",
    `${"a".repeat(65)}@b.c`,
    `a@${"b".repeat(64)}.c`,
  ];
  for (const text of refused) assert.equal(readEmail(text), undefined, JSON.stringify(text));
  assert.throws(() => requireEmail("nobody"), { code: "invalid_request", facts: { field: "email" } });
});

test("bounds the length at 254 characters", () => {
  const label = `${"d".repeat(62)}.`;
  const longest = `${"a".repeat(emailCharactersMax - 1 - 3 * label.length - 2)}@${label.repeat(3)}dd`;
  assert.equal(longest.length, 254);
  assert.equal(readEmail(longest)?.shown, longest);
  assert.equal(readEmail(`a${longest}`), undefined);
  assert.equal(readEmail(`${" ".repeat(100_000)}a@b`), undefined, "not even trimmed");
});

test("compares trimmed, NFC and lower-case, and shows what was typed", () => {
  assert.deepEqual(readEmail("  Ada@Example.COM\n"), { shown: "Ada@Example.COM", compared: "ada@example.com" });
  assert.equal(readEmail("JO\u0308RG@x.y")?.compared, readEmail("jörg@x.y")?.compared);
  assert.equal(readEmail("H\u0331@x.y")?.compared, "\u1e96@x.y", "lower-casing leaves NFC");
});
