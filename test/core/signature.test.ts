// Signatures: the three algorithms against Node's own JOSE form, DER conversion, thumbprints, refused keys.

import assert from "node:assert/strict";
import type { KeyObject } from "node:crypto";
import { createPublicKey, generateKeyPairSync, sign, verify } from "node:crypto";
import { describe, test } from "node:test";
import fc from "fast-check";
import { createSigningKey, createVerificationKey, derToJose, joseToDer, thumbprint } from "../../src/core/signature.ts";

const der = (key: KeyObject): Buffer => key.export({ type: "pkcs8", format: "der" });
const pairs = {
  ES256: generateKeyPairSync("ec", { namedCurve: "P-256" }),
  EdDSA: generateKeyPairSync("ed25519"),
  RS256: generateKeyPairSync("rsa", { modulusLength: 2048 }),
};

for (const [alg, pair] of Object.entries(pairs)) {
  test(`${alg}: signs what Node verifies, verifies what Node signs, and nothing else`, () => {
    const key = createSigningKey(der(pair.privateKey));
    assert.equal(key.alg, alg);
    assert.equal(key.jwk.alg, alg);
    assert.equal(key.kid, thumbprint(key.jwk));
    for (const secret of ["d", "p", "q", "dp", "dq", "qi", "k"]) assert.equal(secret in key.jwk, false);
    const checker = createVerificationKey(key.jwk);
    assert.equal(checker.kid, key.kid);
    const hash = alg === "EdDSA" ? null : "sha256";
    const publicKey = createPublicKey({ key: { ...key.jwk }, format: "jwk" });
    for (let turn = 0; turn < 50; turn += 1) {
      const data = `message ${turn}`;
      const ours = key.sign(data);
      assert.equal(verify(hash, Buffer.from(data), { key: publicKey, dsaEncoding: "ieee-p1363" }, ours), true);
      const theirs = sign(hash, Buffer.from(data), { key: pair.privateKey, dsaEncoding: "ieee-p1363" });
      assert.equal(checker.verify(data, theirs), true);
      assert.equal(checker.verify(`${data}.`, theirs), false);
      assert.equal(checker.verify(data, theirs.subarray(1)), false);
    }
  });
}

describe("DER", () => {
  test("there and back for any two numbers", () => {
    const halfBytes = fc.uint8Array({ minLength: 32, maxLength: 32 });
    const sparse = fc.tuple(fc.nat({ max: 31 }), halfBytes).map(([zeros, value]) => value.fill(0, 0, zeros));
    fc.assert(
      fc.property(fc.oneof(halfBytes, sparse), fc.oneof(halfBytes, sparse), (r, s) => {
        const jose = Uint8Array.from([...r, ...s]);
        assert.deepEqual(derToJose(joseToDer(jose)), jose);
      }),
    );
  });
  test("integers are minimal and positive", () => {
    const jose = new Uint8Array(64);
    jose[31] = 0x80;
    jose[63] = 1;
    assert.deepEqual([...joseToDer(jose)], [0x30, 7, 2, 2, 0, 0x80, 2, 1, 1]);
    assert.deepEqual([...joseToDer(new Uint8Array(64))], [0x30, 6, 2, 1, 0, 2, 1, 0]);
  });
});

test("thumbprint of RFC 8037 appendix A.3", () => {
  const jwk = { kty: "OKP", crv: "Ed25519", x: "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo" };
  assert.equal(thumbprint(jwk), "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k");
  assert.equal(createVerificationKey(jwk).kid, "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k");
});

test("keys Pawl does not use are refused", () => {
  for (const pair of [
    generateKeyPairSync("ec", { namedCurve: "P-384" }),
    generateKeyPairSync("rsa", { modulusLength: 1024 }),
    generateKeyPairSync("x25519"),
  ]) {
    assert.throws(() => createSigningKey(der(pair.privateKey)), TypeError);
    const jwk = pair.publicKey.export({ format: "jwk" }) as Record<string, string>;
    assert.throws(() => createVerificationKey(jwk), TypeError);
  }
});
