// The blocklist: passwords that are known to be common, written down independently of the rules; that the rules cover
// thousands; and that ordinary good passwords pass.

import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { isCommonPassword } from "../../../src/server/accounts/common-passwords.ts";
import { commonWords, frequentWords } from "../../../src/server/accounts/common-words.ts";

test("refuses well-known passwords of fifteen characters and more", () => {
  const known = `passwordpassword passwordpassword1 password1password1 password1password password1234567 password12345678
    123456789012345 1234567890123456 12345678901234567890 098765432109876 qwertyuiopasdfgh qwertyuiopasdfghjkl
    qwertyuiopasdfghjklzxcvbnm asdfghjklqwertyuiop zxcvbnmasdfghjkl 1qaz2wsx3edc4rfv 1q2w3e4r5t6y7u8i9o0p
    q1w2e3r4t5y6u7i8 zaq12wsxcde34rfv abcdefghijklmnop abcdefghijklmno zyxwvutsrqponml aaaaaaaaaaaaaaa 111111111111111
    000000000000000 121212121212121 123123123123123 abcabcabcabcabc abc123abc123abc123 112233445566778 111222333444555
    qqqqwwwweeeerrrr iloveyouiloveyou iloveyou12345678 welcomewelcome1 letmeinletmein1 letmeinletmeinletmein
    administrator123 football123456789 changemechangeme trustno1trustno1 thisismypassword mypasswordispassword
    supercalifragilisticexpialidocious manchesterunited1 liverpoolfc1892 michaeljordan23 qwerty123456789
    qwertyqwertyqwe testtesttesttest adminadminadmin adminpassword123 testpassword1234 dragondragondragon
    147258369147258369 987654321987654 azertyuiopqsdfgh qwertzuiopasdfg 1a2b3c4d5e6f7g8h йцукенгшщзхъфывап`;
  for (const password of known.trim().split(/\s+/)) assert.equal(isCommonPassword(password), true, password);
});

test("sees through case, look-alikes, punctuation, spaces and wide letters", () => {
  const dressed = [
    "PasswordPassword",
    "P@ssw0rdP@ssw0rd",
    "Pa$$w0rd12345678",
    "p4ssw0rd!!!!!!!",
    "Adm1n1strator!!!",
    "pass word pass word",
    "Password-Password",
    "!!!password!!!!!",
    "Q.W.E.R.T.Y.U.I.O.P",
    "ｐａｓｓｗｏｒｄｐａｓｓｗｏｒｄ",
    "W3lc0me-W3lc0me!",
    "1l0vey0u1l0vey0u",
    "          password          ",
  ];
  for (const password of dressed) {
    const bare = password.trim();
    assert.equal(isCommonPassword(bare), true, bare);
  }
});

test("refuses the short classics that a lower minimum would let in", () => {
  const known = `password 12345678 123456789 qwertyui iloveyou sunshine princess football baseball superman
    trustno1 passw0rd p@ssw0rd password1 password123 welcome1 abcd1234 1q2w3e4r admin123 qwerty123 11111111 letmein1
    michael1 starwars computer corvette mustang1 liverpool charlie1 jordan23 1qaz2wsx qazwsxedc asdfghjkl 87654321`;
  for (const password of known.trim().split(/\s+/)) assert.equal(isCommonPassword(password), true, password);
});

test("covers well over three thousand entries of fifteen characters and more", () => {
  const entries = new Set<string>();
  for (const word of commonWords) {
    const repeated = word.repeat(Math.ceil(15 / word.length));
    const dated = `${word}2024`.padEnd(15, "!");
    for (const entry of [repeated, `${repeated}1`, `${word}1234567890`, word.length >= 9 ? dated : ""]) {
      if (entry.length >= 15) entries.add(entry);
    }
  }
  const pairs = [...frequentWords].flatMap((one) => [...frequentWords].map((other) => `${one}${other}123`));
  // Every seventh pair: all of them take seconds and say no more.
  for (let at = 0; at < pairs.length; at += 7) entries.add(pairs[at] ?? "");
  const long = [...entries].filter((entry) => entry.length >= 15);
  assert.ok(long.length > 3000, String(long.length));
  assert.deepEqual(
    long.filter((entry) => !isCommonPassword(entry)),
    [],
  );
});

test("the words are lower-case, distinct from decoration, and many", () => {
  assert.ok(commonWords.size > 1300, String(commonWords.size));
  for (const word of commonWords) assert.match(word, /^[a-z0-9]{2,40}$/);
});

test("accepts passwords that merely are long or hold a common word among others", () => {
  const good = [
    "a quiet fjord at dawn",
    "correct horse battery staple",
    "seven lamps on the pier",
    "my dragon eats 3 pies daily",
    "long-enough-for-anybody",
    "mein Hund heißt nicht Rex",
    "jf8Kd02mVb7Qz1Lp",
    "dragon-8391740265183",
    "zwölf Boxkämpfer jagen",
    "перо и старый маяк",
    "窓の外に雨が降っている午後です",
    "passwords are a nuisance",
    "🦊🌲🏔️🦉🌊🍂🦌🌌🐿️🍄🌿🦔🐝🌾🪵",
    "not-a-password-anybody-has",
  ];
  for (const password of good) assert.equal(isCommonPassword(password), false, password);
});

test("random passwords of fifteen letters pass, and nothing takes long or throws", () => {
  const letters = fc.string({ unit: fc.constantFrom(..."abcdefghijklmnopqrstuvwxyz"), minLength: 15, maxLength: 20 });
  const rare = fc.sample(letters, { numRuns: 300, seed: 7 }).filter((password) => new Set(password).size > 8);
  assert.ok(rare.length > 200);
  assert.deepEqual(rare.filter(isCommonPassword), []);
  const anything = fc.string({
    unit: fc.nat({ max: 0x10ffff }).map((point) => String.fromCodePoint(point)),
    maxLength: 300,
  });
  fc.assert(fc.property(anything, (text) => typeof isCommonPassword(text) === "boolean"));
  assert.equal(isCommonPassword(""), true, "nothing at all is a common password");
});
