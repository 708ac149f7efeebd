// The rule: lengths in code points, the bound in bytes, context words, the words of the reasons, and that no error says
// the password.

import assert from "node:assert/strict";
import { test } from "node:test";
import { PawlError } from "../../../src/core/errors.ts";
import { normalisePassword, passwordReasons, requireGoodPassword } from "../../../src/server/accounts/password-rule.ts";

const context = { service: ["pawl"], email: "ada.lovelace@analytical.example", name: "Ada Lovelace" };
const reasons = (password: string, lengthMin = 15) => passwordReasons(password, lengthMin, context);

test("counts code points after NFC, without trimming", () => {
  assert.deepEqual(reasons("jf8Kd02mVb7Qz1"), ["too_short"]);
  assert.deepEqual(reasons("jf8Kd02mVb7Qz1L"), []);
  assert.deepEqual(reasons("🦊🌲🏔🦉🌊🍂🦌🌌🐿🍄🌿🦔🐝🌾"), ["too_short"], "14 code points are 28 units");
  assert.deepEqual(reasons("🦊🌲🏔🦉🌊🍂🦌🌌🐿🍄🌿🦔🐝🌾🪵"), []);
  assert.deepEqual(reasons(`${"e\u0301".repeat(7)}xq8Vb02`), ["too_short"], "14 after NFC");
  assert.deepEqual(reasons(" jf8Kd02mVb7Qz "), [], "spaces count");
  assert.deepEqual(reasons("jf8Kd0m", 8), ["too_short"]);
  assert.deepEqual(reasons("jf8Kd0mV", 8), []);
});

test("accepts 128 characters of any script and at most 1,024 bytes", () => {
  const spread = (characters: string, length: number): string =>
    Array.from({ length }, (_, at) => [...characters][(at * at + at) % 13] ?? "").join("");
  assert.deepEqual(reasons(spread("abcdefghijklm", 1024)), []);
  assert.deepEqual(reasons(spread("abcdefghijklm", 1025)), ["too_long"]);
  assert.deepEqual(reasons(spread("🦊🌲🏔🦉🌊🍂🦌🌌🐿🍄🌿🦔🐝", 256)), []);
  assert.deepEqual(reasons(spread("🦊🌲🏔🦉🌊🍂🦌🌌🐿🍄🌿🦔🐝", 257)), ["too_long"]);
  // Each of these becomes three characters of four bytes in NFC.
  assert.deepEqual(reasons(`${"\u{1d160}\u{1d161}\u{1d162}x".repeat(32)}`), []);
});

test("has no composition rule", () => {
  assert.deepEqual(reasons("onlylowerletterszu"), []);
  assert.deepEqual(reasons("839174026518397402"), []);
});

test("refuses what is made of the service, the address or the name", () => {
  const made = [
    "pawl-ada-lovelace",
    "Ada.Lovelace.1815",
    "ada.lovelace@analytical.example",
    "lovelaceLOVELACE1",
    "analytical-2026!!",
    "AdaLovelaceAda123",
    "4da.l0velace.1815",
    "lovelacepassword1",
  ];
  for (const password of made) assert.ok(reasons(password).includes("contains_context"), password);
  const nested = { ...context, email: "ada@analytical.example", name: "Adalovelaceson" };
  assert.deepEqual(passwordReasons("adalovelaceson12", 15, nested), ["contains_context"], "the longest word first");
  const own = ["lovelace found the bug first", "pawl turns one notch at a time", "canada is a large country"];
  for (const password of own) assert.deepEqual(reasons(password), [], password);
});

test("names every reason, as stable words and in a sentence, and never the password", () => {
  assert.throws(
    () => requireGoodPassword("password", 15, context),
    (error) => {
      assert.ok(error instanceof PawlError);
      assert.equal(error.code, "weak_password");
      assert.deepEqual(error.facts.reasons, ["too_short", "common"]);
      assert.match(error.detail, /fewer than 15 characters; it is among/);
      return true;
    },
  );
  for (const password of ["dragondragondragon", "lovelacelovelace", `jf8Kd02mVb7Qz1L${"x".repeat(2000)}`]) {
    assert.throws(
      () => requireGoodPassword(password, 15, context),
      (error) => error instanceof PawlError && !`${error.message}${JSON.stringify(error.facts)}`.includes(password),
    );
  }
});

test("hashes NFC and changes nothing else", () => {
  const typed = "  Cafe\u0301 au lait ﬁn  ";
  assert.equal(requireGoodPassword(typed, 15, context), "  Café au lait ﬁn  ");
  assert.equal(normalisePassword("ﬁ Ａ"), "ﬁ Ａ", "not NFKC");
});

test("refuses broken Unicode and what is no text", () => {
  assert.throws(() => requireGoodPassword("jf8Kd02mVb7Qz1L\ud800", 15, context), { code: "invalid_request" });
  assert.throws(() => requireGoodPassword(15 as unknown as string, 15, context), { code: "invalid_request" });
});
