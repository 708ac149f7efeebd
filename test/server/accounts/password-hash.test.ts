// PHC strings, both implementations of argon2id against each other and against the vector of RFC 9106, and who matches.

import assert from "node:assert/strict";
import { test } from "node:test";
import { nodePlatform } from "../../../src/platform/node.ts";
import {
  chooseDerive,
  createPasswordHashes,
  currentParameters,
  deriveBuiltin,
  deriveNative,
  importNative,
  parseHash,
} from "../../../src/server/accounts/password-hash.ts";

const small = { memoryKibibytes: 64, passes: 2, lanes: 1 };
// "password" under the salt "somesalt", 65,536 KiB, 2 passes, 1 lane: from the test file of the reference
// implementation (phc-winner-argon2, src/test.c).
const reference = "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc";

test("reads the parameters in any order", () => {
  const read = parseHash("$argon2id$v=19$p=1,m=65536,t=2$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc");
  assert.deepEqual(read, parseHash(reference));
  assert.deepEqual([read?.memoryKibibytes, read?.passes, read?.lanes], [65_536, 2, 1]);
});

test("refuses other algorithms, malformed strings and parameters out of bounds", () => {
  const bad = [
    "",
    "$",
    "plain text",
    reference.replace("argon2id", "argon2i"),
    reference.replace("v=19", "v=16"),
    reference.replace("m=65536,t=2,p=1", "m=65536,t=2"),
    reference.replace("t=2", "t=2,t=2"),
    reference.replace("t=2", "t=0"),
    reference.replace("t=2", "t=17"),
    reference.replace("m=65536", "m=1048577"),
    reference.replace("m=65536", "m=7"),
    reference.replace("p=1", "p=17"),
    reference.replace("p=1", "x=1"),
    `${reference}$more`,
    reference.replace("c29tZXNhbHQ", "c29t"),
    reference.replace("c29tZXNhbHQ", "c29tZX!hbHQ"),
    `${reference}${"A".repeat(600)}`,
  ];
  for (const text of bad) assert.equal(parseHash(text), undefined, text.slice(0, 60));
});

test("both implementations agree with each other and with the reference", async () => {
  const native = await importNative();
  const builtin = deriveBuiltin();
  assert.ok(native !== undefined && builtin !== undefined, "Node 24 and the development dependency have both");
  const salt = new Uint8Array(16).fill(7);
  const password = Buffer.from("a quiet fjord at dawn ☂");
  const [one, other] = [
    await deriveNative(native)(password, salt, small, 32),
    await builtin(password, salt, small, 32),
  ];
  assert.deepEqual(Buffer.from(one), Buffer.from(other));
  for (const derive of [deriveNative(native), builtin]) {
    const hashes = createPasswordHashes(nodePlatform.entropy, derive);
    assert.equal(await hashes.verify(reference, "password"), true);
    assert.equal(await hashes.verify(reference, "Password"), false);
  }
});

test("prefers the package, falls back to Node, and names the package when there is neither", async () => {
  const builtin = deriveBuiltin();
  assert.equal(chooseDerive(undefined, builtin), builtin);
  assert.notEqual(chooseDerive(await importNative(), builtin), builtin);
  assert.throws(() => chooseDerive(undefined, undefined), {
    code: "invalid_option",
    message: /npm install @node-rs\/argon2/,
  });
});

test("a hash matches its password only, is salted, and has the parameters of OWASP", async () => {
  const hashes = createPasswordHashes(nodePlatform.entropy);
  await hashes.open();
  const [one, other] = await Promise.all([hashes.hash("the same"), hashes.hash("the same")]);
  assert.match(one, /^\$argon2id\$v=19\$m=19456,t=2,p=1\$[A-Za-z0-9+/]{22}\$[A-Za-z0-9+/]{43}$/);
  assert.notEqual(one, other);
  assert.equal(await hashes.verify(one, "the same"), true);
  assert.equal(await hashes.verify(one, "the same "), false);
  assert.deepEqual(currentParameters, { memoryKibibytes: 19_456, passes: 2, lanes: 1 });
  assert.equal(hashes.outdated(one), false);
});

test("without a hash, or with a damaged one, nothing matches but the work is done", async () => {
  let derived = 0;
  // Even if nobody's hash were hit by chance: everything is zero here.
  const zeros = { bytes: (length: number) => new Uint8Array(length) };
  const hashes = createPasswordHashes(zeros, async (_password, _salt, parameters, length) => {
    assert.deepEqual(
      [parameters.memoryKibibytes, parameters.passes, parameters.lanes],
      Object.values(currentParameters),
    );
    derived += 1;
    return new Uint8Array(length);
  });
  assert.equal(await hashes.verify(undefined, "anything"), false);
  assert.equal(await hashes.verify("$argon2id$damaged", "anything"), false);
  assert.equal(derived, 2);
});

test("knows which hashes to renew", () => {
  const { outdated } = createPasswordHashes(nodePlatform.entropy);
  assert.equal(outdated(reference), true);
  assert.equal(outdated("damaged"), true);
  assert.equal(outdated(`$argon2id$v=19$p=1,t=2,m=19456$${"A".repeat(22)}$${"A".repeat(43)}`), false);
  assert.equal(outdated(`$argon2id$v=19$m=19456,t=2,p=1$${"A".repeat(11)}$${"A".repeat(43)}`), true, "short salt");
});
