// Issue and check of access tokens (RFC 9068, RFC 8725): every deviation is refused, the detail repeats nothing of it.

import assert from "node:assert/strict";
import { generateKeyPairSync } from "node:crypto";
import { describe, test } from "node:test";
import type { AccessClaims, AccessExpectation } from "../../src/core/access-token.ts";
import { checkAccessToken, issueAccessToken } from "../../src/core/access-token.ts";
import { PawlError } from "../../src/core/errors.ts";
import { createSigningKey, createVerificationKey } from "../../src/core/signature.ts";

const pkcs8 = generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey.export({ type: "pkcs8", format: "der" });
const key = createSigningKey(pkcs8);
const checker = createVerificationKey(key.jwk);
const now = 1_700_000_000;
const claims: AccessClaims = {
  iss: "https://auth.example",
  sub: "user",
  aud: "https://api.example",
  client_id: "first-party",
  exp: now + 900,
  iat: now,
  jti: "j",
  sid: "s",
  auth_time: now,
  amr: ["pwd"],
};
const expected: AccessExpectation = {
  issuer: claims.iss,
  audience: claims.aud,
  keyFor: (kid) => (kid === key.kid ? checker : undefined),
  nowSeconds: now,
  leewaySeconds: 0,
};
const base64 = (value: unknown): string =>
  Buffer.from(typeof value === "string" ? value : JSON.stringify(value)).toString("base64url");
const header = { typ: "at+jwt", alg: "ES256", kid: key.kid };
/** Signs any header and payload, well-formed or not. */
function forge(head: unknown, payload: unknown): string {
  const body = `${base64(head)}.${base64(payload)}`;
  return `${body}.${Buffer.from(key.sign(body)).toString("base64url")}`;
}
function refused(token: string, why: RegExp, against: Partial<AccessExpectation> = {}): void {
  assert.throws(
    () => checkAccessToken(token, { ...expected, ...against }),
    (error: unknown) => error instanceof PawlError && error.code === "invalid_token" && why.test(error.detail),
  );
}

test("what is issued is accepted, and has exactly the profile's header", () => {
  const token = issueAccessToken({ ...claims, scope: "read" }, key);
  assert.deepEqual(checkAccessToken(token, expected), { ...claims, scope: "read" });
  assert.deepEqual(JSON.parse(Buffer.from(token.split(".")[0] as string, "base64url").toString()), header);
  assert.equal(checkAccessToken(forge({ ...header, typ: "application/at+jwt" }, claims), expected).sub, "user");
});

describe("form", () => {
  const good = issueAccessToken(claims, key);
  test("length, parts, canonical base64url", () => {
    refused("a".repeat(8193), /too long/);
    for (const bad of ["", "a", "a.b", `${good}.x`, `${good}=`, `${good}\n`, ` ${good}`])
      refused(bad, /malformed|type|key/);
    const [h, p, s] = good.split(".") as [string, string, string];
    refused(`${h}.${p}.`, /malformed/);
    refused(`${h}=.${p}.${s}`, /malformed/);
    const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    refused(`${h}.${p}.${s.slice(0, -1)}${alphabet[alphabet.indexOf(s.at(-1) as string) ^ 1]}`, /malformed/);
  });
  test("header and payload must be JSON objects in UTF-8", () => {
    for (const bad of ["[]", "null", "1", '"x"', "{", "\ufeff{}", ""]) {
      refused(forge(bad, claims), /malformed/);
      refused(forge(header, bad), /malformed/);
    }
    const latin = `${base64(header)}.${Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d]).toString("base64url")}`;
    refused(`${latin}.${Buffer.from(key.sign(latin)).toString("base64url")}`, /malformed/);
  });
});

describe("header", () => {
  test("type, extensions, key id, algorithm", () => {
    for (const typ of ["JWT", "AT+JWT", undefined, 1]) refused(forge({ ...header, typ }, claims), /type/);
    refused(forge({ ...header, crit: ["exp"] }, claims), /extension/);
    refused(forge({ ...header, b64: false }, claims), /extension/);
    for (const kid of ["other", [key.kid], undefined, null])
      refused(forge({ ...header, kid }, claims), /key is unknown/);
    for (const alg of ["none", "HS256", "RS256", "es256", undefined])
      refused(forge({ ...header, alg }, claims), /algorithm/);
  });
  test("keys inside the header are not looked at", () => {
    const other = createSigningKey(
      generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey.export({ type: "pkcs8", format: "der" }),
    );
    const body = `${base64({ ...header, jwk: other.jwk })}.${base64(claims)}`;
    refused(`${body}.${Buffer.from(other.sign(body)).toString("base64url")}`, /signature/);
  });
});

describe("signature", () => {
  test("any other text under the same signature, and any other signature, is refused", () => {
    const [h, , s] = issueAccessToken(claims, key).split(".") as [string, string, string];
    refused(`${h}.${base64({ ...claims, sub: "other" })}.${s}`, /signature/);
    const p = base64(claims);
    for (const bytes of [
      Buffer.alloc(64),
      Buffer.alloc(63, 1),
      Buffer.alloc(65, 1),
      Buffer.alloc(1),
      Buffer.alloc(64, 255),
    ]) {
      refused(`${h}.${p}.${bytes.toString("base64url")}`, /signature/);
    }
  });
});

describe("claims", () => {
  test("required ones, with their types", () => {
    for (const name of ["iss", "sub", "aud", "client_id", "jti", "sid", "exp", "iat", "auth_time", "amr"]) {
      refused(forge(header, { ...claims, [name]: undefined }), new RegExp(`its ${name} is`));
    }
    for (const name of ["iss", "sub", "aud", "client_id", "jti", "sid"]) {
      for (const bad of [1, "", [1], ["x"], {}])
        refused(forge(header, { ...claims, [name]: bad }), /is missing or no text/);
    }
    for (const name of ["exp", "iat", "auth_time"]) {
      for (const bad of ["1", 1.5, null, [1]]) refused(forge(header, { ...claims, [name]: bad }), /no whole number/);
    }
    refused(forge(header, JSON.stringify(claims).replace(/"exp":\d+/, '"exp":1e999')), /malformed/);
    refused(forge(header, { ...claims, amr: "pwd" }), /amr/);
    refused(forge(header, { ...claims, amr: [1] }), /amr/);
    refused(forge(header, { ...claims, scope: 1 }), /scope/);
    refused(forge(header, { ...claims, acr: ["strong"] }), /acr/);
    for (const bad of ["1", 1.5, null]) refused(forge(header, { ...claims, nbf: bad }), /nbf/);
    for (const cnf of [{ jkt: "x" }, null]) refused(forge(header, { ...claims, cnf }), /bound to a key/);
  });
  test("a list of audiences that names ours stands for ours", () => {
    const of = (aud: unknown): string => forge(header, { ...claims, aud });
    assert.equal(checkAccessToken(of(["https://other.example", claims.aud]), expected).aud, claims.aud);
    refused(of(["https://other.example"]), /aud/);
    refused(of([claims.aud, 1]), /aud/);
    refused(of([]), /aud/);
    refused(of([claims.aud, ...Array.from({ length: 16 }, (_, index) => `other ${index}`)]), /aud/);
    refused(of([claims.aud]), /aud/, { audience: undefined });
  });
  test("nbf is honoured where it is there", () => {
    assert.ok(checkAccessToken(forge(header, { ...claims, nbf: now + 60 }), expected));
    refused(forge(header, { ...claims, nbf: now + 61 }), /future/);
  });
  test("issuer and audience exactly", () => {
    refused(forge(header, { ...claims, iss: `${claims.iss}/` }), /issuer/);
    refused(forge(header, { ...claims, aud: "https://other.example" }), /audience/);
  });
  test("time to the second, with leeway only where it is given", () => {
    const token = issueAccessToken(claims, key);
    assert.ok(checkAccessToken(token, { ...expected, nowSeconds: claims.exp - 1 }));
    refused(token, /expired/, { nowSeconds: claims.exp });
    assert.ok(checkAccessToken(token, { ...expected, nowSeconds: claims.exp + 29, leewaySeconds: 30 }));
    refused(token, /expired/, { nowSeconds: claims.exp + 30, leewaySeconds: 30 });
    assert.ok(checkAccessToken(token, { ...expected, nowSeconds: now - 60 }));
    refused(token, /future/, { nowSeconds: now - 61 });
  });
  test("names of the prototype are inert", () => {
    const text = JSON.stringify(claims).replace("{", '{"__proto__":{"admin":true},"constructor":1,');
    const checked = checkAccessToken(forge(header, text), expected) as unknown as Record<string, unknown>;
    assert.equal(checked.admin, undefined);
    assert.equal(({} as Record<string, unknown>).admin, undefined);
    refused(forge('{"__proto__":{"typ":"at+jwt","alg":"ES256"}}', claims), /type/);
  });
});
