// The codec of refresh tokens: layout, one text per token, MAC over every bit, derivation of successors, links.

import assert from "node:assert/strict";
import type { Hmac } from "node:crypto";
import { createHash, createHmac, hkdfSync } from "node:crypto";
import { describe, test } from "node:test";
import fc from "fast-check";
import type { RefreshToken } from "../../src/core/refresh-token.ts";
import {
  encodeRefreshToken,
  keyIdOf,
  linkOf,
  noHash,
  parseRefreshToken,
  refreshTokenCharacters,
  sameBytes,
  successorSecret,
  tokenHash,
} from "../../src/core/refresh-token.ts";
import { createSecretRing, deriveSecretKeys } from "../../src/core/secret-keys.ts";

const keys = deriveSecretKeys(3, Buffer.alloc(32, 5));
const otherKeys = deriveSecretKeys(4, Buffer.alloc(32, 6));
/** Node's own HMAC under Node's own HKDF of the same secret: an independent second opinion. */
function hmacBy(purpose: "mac" | "successor" | "link"): Hmac {
  const info = `pawl/v1/refresh-token-${purpose}`;
  return createHmac("sha256", Buffer.from(hkdfSync("sha256", Buffer.alloc(32, 5), new Uint8Array(0), info, 32)));
}
const ring = createSecretRing([keys, otherKeys]);

const bytes = (length: number): fc.Arbitrary<Uint8Array> => fc.uint8Array({ minLength: length, maxLength: length });
const tokens: fc.Arbitrary<RefreshToken> = fc.record({
  keyId: fc.constant(3),
  sid: bytes(16).map((id) => Buffer.from(id).toString("base64url")),
  generation: fc.integer({ min: 0, max: 2 ** 32 - 1 }),
  expiresAt: fc.integer({ min: 0, max: 2 ** 40 - 1 }),
  secret: bytes(32),
  links: fc.tuple(bytes(16), bytes(16)),
});
const sample: RefreshToken = {
  keyId: 3,
  sid: Buffer.alloc(16, 0xab).toString("base64url"),
  generation: 0x01020304,
  expiresAt: 0x0506070809,
  secret: Buffer.alloc(32, 0xcd),
  links: [Buffer.alloc(16, 0xe1), Buffer.alloc(16, 0xe2)],
};
const refused = (text: string, among = ring): void => {
  assert.throws(() => parseRefreshToken(text, among), { code: "refresh_token_invalid" });
};
const hex = (token: RefreshToken): unknown => ({
  ...token,
  secret: Buffer.from(token.secret).toString("hex"),
  links: token.links.map((link) => Buffer.from(link).toString("hex")),
});

describe("codec", () => {
  test("the layout is that of CONTRACT section 3, byte by byte", () => {
    const text = encodeRefreshToken(sample, keys);
    assert.equal(text.length, refreshTokenCharacters);
    assert.match(text, /^pawl_rt_[A-Za-z0-9_-]{143}$/);
    const raw = Buffer.from(text.slice(8), "base64url");
    const body = `0103${"ab".repeat(16)}010203040506070809${"cd".repeat(32)}${"e1".repeat(16)}${"e2".repeat(16)}`;
    assert.equal(raw.subarray(0, 91).toString("hex"), body);
    const mac = hmacBy("mac").update(Buffer.from(body, "hex")).digest().subarray(0, 16);
    assert.equal(raw.subarray(91).toString("hex"), mac.toString("hex"));
  });

  test("decodes to what was encoded", () => {
    fc.assert(
      fc.property(tokens, (token) => {
        assert.deepEqual(hex(parseRefreshToken(encodeRefreshToken(token, keys), ring)), hex(token));
      }),
    );
  });

  test("every single flipped bit is refused", () => {
    const raw = Buffer.from(encodeRefreshToken(sample, keys).slice(8), "base64url");
    for (let bit = 0; bit < raw.length * 8; bit += 1) {
      const flipped = Buffer.from(raw);
      flipped[bit >> 3] = (flipped[bit >> 3] as number) ^ (1 << (bit & 7));
      refused(`pawl_rt_${flipped.toString("base64url")}`);
    }
  });

  test("every truncation and every other text for the same bytes is refused", () => {
    const text = encodeRefreshToken(sample, keys);
    for (let length = 0; length < text.length; length += 1) refused(text.slice(0, length));
    const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    const lastBits = alphabet.indexOf(text.at(-1) as string);
    for (const unused of [1, 2, 3]) refused(text.slice(0, -1) + alphabet[(lastBits & ~3) | unused]);
    for (const suffix of ["=", "A", "\n", " "]) refused(text + suffix);
    refused(text.toUpperCase());
    refused(` ${text.slice(1)}`);
    const dashed = encodeRefreshToken({ ...sample, secret: Buffer.alloc(32, 0xfb) }, keys).slice(8);
    assert.match(dashed, /-/);
    refused(`pawl_rt_${dashed.replaceAll("-", "+").replaceAll("_", "/")}`);
    refused(text.replace("pawl_rt_", "pawl_at_"));
  });

  test("any other text is refused", () => {
    refused(undefined as unknown as string);
    fc.assert(fc.property(fc.string({ maxLength: 200 }), (text) => refused(text)));
    fc.assert(fc.property(bytes(107), (raw) => refused(`pawl_rt_${Buffer.from(raw).toString("base64url")}`)));
  });

  test("another version, an unknown key id and the MAC of another key are refused", () => {
    const text = encodeRefreshToken(sample, keys);
    refused(encodeRefreshToken({ ...sample, keyId: 9 }, keys));
    refused(encodeRefreshToken({ ...sample, keyId: 4 }, keys));
    refused(text, createSecretRing([otherKeys]));
    const raw = Buffer.from(text.slice(8), "base64url");
    raw[0] = 2;
    hmacBy("mac").update(raw.subarray(0, 91)).digest().copy(raw, 91, 0, 16);
    refused(`pawl_rt_${raw.toString("base64url")}`);
    assert.equal(parseRefreshToken(text, ring).keyId, 3);
  });
});

test("the key id that a text claims is read from whatever has the form of a token, and from nothing else", () => {
  const text = encodeRefreshToken(sample, otherKeys);
  assert.equal(keyIdOf(text), sample.keyId);
  const forged = Buffer.from(text.slice(8), "base64url");
  forged[90] = (forged[90] as number) ^ 1;
  forged[1] = 200;
  assert.equal(keyIdOf(`pawl_rt_${forged.toString("base64url")}`), 200);
  forged[0] = 2;
  for (const other of [`pawl_rt_${forged.toString("base64url")}`, text.slice(1), `${text}A`, "", text.toUpperCase()]) {
    assert.equal(keyIdOf(other), undefined);
  }
});

describe("derivation", () => {
  const secret = Buffer.alloc(32, 1);

  test("a successor's secret is HMAC(successor key, secret, who drew it, attempt)", () => {
    const expected = hmacBy("successor").update(secret).update("cmy-attempt-0123456").digest();
    const client = { drawnBy: "client", value: "my-attempt-0123456" } as const;
    assert.deepEqual(successorSecret(keys, secret, client), expected);
    const drawn = { drawnBy: "server", value: Buffer.from("my-attempt-01234") } as const;
    const server = hmacBy("successor").update(secret).update("smy-attempt-01234").digest();
    assert.deepEqual(successorSecret(keys, secret, drawn), server);
  });

  test("no two of secret, attempt and drawer lead to the same successor", () => {
    const attempt = fc.stringMatching(/^[A-Za-z0-9_-]{16,40}$/);
    fc.assert(
      fc.property(attempt, attempt, (a, b) => {
        const of = (value: string): string =>
          Buffer.from(successorSecret(keys, secret, { drawnBy: "client", value })).toString("hex");
        assert.equal(of(a) === of(b), a === b);
        const server = successorSecret(keys, secret, { drawnBy: "server", value: Buffer.from(a) });
        assert.notEqual(Buffer.from(server).toString("hex"), of(a));
      }),
    );
  });

  test("links and hashes", () => {
    assert.deepEqual(Buffer.from(tokenHash(secret)), createHash("sha256").update(secret).digest());
    const link = hmacBy("link").update(noHash).update(tokenHash(secret)).digest().subarray(0, 16);
    assert.deepEqual(linkOf(keys, noHash, tokenHash(secret)), link);
    assert.notDeepEqual(linkOf(keys, tokenHash(secret), noHash), link);
  });

  test("sameBytes compares length and content", () => {
    assert.equal(sameBytes(Buffer.from("ab"), Buffer.from("ab")), true);
    assert.equal(sameBytes(Buffer.from("ab"), Buffer.from("ac")), false);
    assert.equal(sameBytes(Buffer.from("ab"), Buffer.from("abc")), false);
  });
});
