// Access tokens before a verifier: every row V1 to V12 of the checklist for resource servers (RFC 9068 section 4, RFC 8725,
// OWASP ASVS 5.0 V9), token by token. What is good but for one thing is refused for that thing.

import assert from "node:assert/strict";
import { createHmac, createPublicKey } from "node:crypto";
import { describe, test } from "node:test";
import { PawlError } from "../../src/core/errors.ts";
import type { Verifier, VerifierOptions } from "../../src/verifier/index.ts";
import { createVerifier } from "../../src/verifier/index.ts";
import {
  audience,
  base64,
  ecKey,
  edKey,
  forge,
  goodClaims,
  Issuer,
  type Key,
  nowSeconds,
  rsaKey,
  signatureOf,
} from "./issuer.ts";

const key = ecKey("k1");
const issuer = "https://auth.example.com";
const claims = goodClaims(issuer);
const header = { typ: "at+jwt", alg: "ES256", kid: "k1" };
const good = forge(key, header, claims);

/** A verifier with given keys, at a given second. */
function verifierAt(
  seconds = nowSeconds,
  keys: readonly Key[] = [key],
  options: Partial<VerifierOptions> = {},
): Verifier {
  return createVerifier({
    issuer,
    audience,
    keys: { keys: keys.map(({ jwk }) => jwk) },
    revocations: false,
    now: () => seconds * 1000,
    ...options,
  });
}

async function refused(token: unknown, why: RegExp, verifier: Verifier = verifierAt()): Promise<void> {
  await assert.rejects(verifier.verify(token as string), (error: unknown) => {
    assert.ok(error instanceof PawlError, String(error));
    assert.equal(error.code, "invalid_token");
    assert.match(error.detail, why);
    return true;
  });
}

test("a good token: its claims, frozen, those of the application among them", async () => {
  const access = await verifierAt().verify(forge(key, header, { ...claims, roles: ["admin"], org: { id: 1 } }));
  assert.deepEqual(access, { ...claims, roles: ["admin"], org: { id: 1 } });
  assert.throws(() => Object.assign(access, { sub: "other" }), TypeError);
  assert.throws(() => (access.roles as string[]).push("root"), TypeError);
  assert.throws(() => Object.assign(access.org as object, { id: 2 }), TypeError);
});

describe("V1: size and shape", () => {
  const [h, p, s] = good.split(".") as [string, string, string];
  for (const [name, bad] of Object.entries({
    "too long": `${h}.${p}${"A".repeat(8_000)}.${s}`,
    empty: "",
    "no text": 1,
    "two parts": `${h}.${p}`,
    "four parts": `${good}.`,
    "five parts, as an encrypted one has": `${h}.${p}.${s}.a.b`,
    padding: `${h}=.${p}.${s}`,
    "white space": `${h}.${p}.${s}\n`,
    "standard base64": `${h}.${p}.${s.slice(0, -1)}+`,
    "JSON serialization": JSON.stringify({ protected: h, payload: p, signature: s }),
    "no header": `.${p}.${s}`,
    "no signature": `${h}.${p}.`,
  })) {
    test(name, () => refused(bad, /malformed|too long|no text/));
  }
  test("bits that no byte has", async () => {
    // 64 bytes end in two characters of which four bits are unused.
    const last = s.at(-1) as string;
    const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    const other = alphabet[alphabet.indexOf(last) ^ 1] as string;
    assert.deepEqual(Buffer.from(s.slice(0, -1) + other, "base64url"), Buffer.from(s, "base64url"));
    await refused(`${h}.${p}.${s.slice(0, -1)}${other}`, /malformed/);
  });
});

test("V2: the type is that of an access token, exactly", async () => {
  for (const typ of [
    "JWT",
    undefined,
    "dpop+jwt",
    "logout+jwt",
    "secevent+jwt",
    "token-introspection+jwt",
    "at+JWT",
    "AT+JWT",
    "id+jwt",
    1,
    "at+jwt ",
  ]) {
    await refused(forge(key, { ...header, typ }, claims), /type/);
  }
  assert.ok(await verifierAt().verify(forge(key, { ...header, typ: "application/at+jwt" }, claims)));
});

test("a token that is bound to a key is no bearer token", async () => {
  for (const cnf of [{ jkt: "x" }, { "x5t#S256": "x" }, null, 1]) {
    await refused(forge(key, header, { ...claims, cnf }), /bound to a key/);
  }
});

describe("V3: the algorithm is that of the key", () => {
  test("none, in any spelling, and none at all", async () => {
    for (const alg of ["none", "None", "nOnE", undefined, 1, ""]) {
      const head = base64({ ...header, alg });
      await refused(`${head}.${base64(claims)}.${base64("x")}`, /algorithm|malformed/);
      await refused(`${head}.${base64(claims)}.`, /algorithm|malformed/);
    }
  });
  test("a MAC with the public key as its secret", async () => {
    const pem = createPublicKey(key.privateKey).export({ type: "spki", format: "pem" });
    for (const secret of [pem, JSON.stringify(key.jwk)]) {
      const signed = `${base64({ ...header, alg: "HS256" })}.${base64(claims)}`;
      await refused(`${signed}.${createHmac("sha256", secret).update(signed).digest("base64url")}`, /algorithm/);
    }
  });
  test("another algorithm than that of the key, with every key there is", async () => {
    const keys = [ecKey("k1"), ecKey("e384", "P-384", "ES384"), rsaKey("rsa"), edKey("ed")];
    const verifier = verifierAt(nowSeconds, keys);
    for (const each of keys) {
      assert.ok(await verifier.verify(forge(each, { ...header, alg: each.alg, kid: each.kid }, claims)), each.alg);
      for (const alg of ["ES256", "ES384", "ES512", "RS256", "PS256", "EdDSA"].filter((name) => name !== each.alg)) {
        await refused(forge(each, { ...header, alg, kid: each.kid }, claims), /algorithm/, verifier);
      }
    }
  });
  test("one that is not in the list of the caller", async () => {
    const verifier = verifierAt(nowSeconds, [key], { algorithms: ["EdDSA"] });
    await refused(good, /algorithm is not accepted/, verifier);
  });
});

test("V4: keys come from the issuer alone; kid is a name and nothing more", async () => {
  const thief = ecKey("k1");
  for (const extra of [
    { jwk: thief.jwk },
    { jku: "https://evil.test/jwks" },
    { x5u: "https://evil.test" },
    { x5c: ["x"] },
  ]) {
    await refused(forge(thief, { ...header, ...extra }, claims), /signature/);
  }
  for (const kid of [
    "../../etc/passwd",
    "' OR 1=1 --",
    "x".repeat(5_000),
    "__proto__",
    "constructor",
    "",
    undefined,
    1,
    ["k1"],
  ]) {
    await refused(forge(key, { ...header, kid }, claims), /key is unknown/);
  }
});

test("V5: extensions that nobody here knows", async () => {
  await refused(forge(key, { ...header, crit: ["exp"], exp: 1 }, claims), /extension/);
  await refused(forge(key, { ...header, crit: [] }, claims), /extension/);
  await refused(forge(key, { ...header, b64: false }, claims), /extension/);
});

describe("V6: JSON that two readers could read differently", () => {
  const text = JSON.stringify(claims);
  for (const [name, payload] of Object.entries({
    "a claim twice": text.replace("{", '{"sub":"admin",'),
    "a claim twice, escaped": text.replace("{", '{"\\u0073ub":"admin",'),
    "a list": "[]",
    "a text": '"x"',
    "no JSON": "{",
    "behind it more": `${text}{}`,
    "a number that is none": text.replace(/"iat":\d+/, '"iat":1e999'),
    "too deep": text.replace("{", `{"x":${"[".repeat(16)}${"]".repeat(16)},`),
  })) {
    test(name, () => refused(forge(key, header, payload), /malformed/));
  }
  test("a header with a member twice", () =>
    refused(forge(key, JSON.stringify(header).replace("{", '{"alg":"none",'), claims), /malformed/));
  test("bytes that are no UTF-8", () =>
    refused(
      forge(key, header, Buffer.concat([Buffer.from('{"sub":"'), Buffer.of(0xff), Buffer.from('"}')])),
      /malformed/,
    ));
  test("a byte order mark", () => refused(forge(key, header, `\ufeff${text}`), /malformed/));
  test("names of the prototype are inert", async () => {
    const access = await verifierAt().verify(forge(key, header, text.replace("{", '{"__proto__":{"admin":true},')));
    assert.equal((access as Record<string, unknown>).admin, undefined);
    assert.equal(({} as Record<string, unknown>).admin, undefined);
  });
});

test("V7: signatures that are none", async () => {
  const [h, p, s] = good.split(".") as [string, string, string];
  const real = Buffer.from(s, "base64url");
  const half = Buffer.alloc(32);
  for (const bytes of [
    Buffer.alloc(64),
    Buffer.concat([half, real.subarray(32)]),
    Buffer.concat([real.subarray(0, 32), half]),
    real.subarray(0, 63),
    Buffer.concat([real, Buffer.of(0)]),
    Buffer.from(`3006020101020101`, "hex"),
    Buffer.alloc(64, 255),
  ]) {
    await refused(`${h}.${p}.${base64(bytes)}`, /signature/);
  }
  await refused(`${h}.${base64({ ...claims, sub: "other" })}.${s}`, /signature/);
  const ed = edKey("ed");
  const signed = `${base64({ ...header, alg: "EdDSA", kid: "ed" })}.${base64(claims)}`;
  const order = 2n ** 252n + 27742317777372353535851937790883648493n;
  const made = signatureOf(ed, signed);
  const scalar = BigInt(`0x${Buffer.from(made.subarray(32)).reverse().toString("hex")}`) + order;
  const malleable = Buffer.from(scalar.toString(16).padStart(64, "0"), "hex").reverse();
  const verifier = verifierAt(nowSeconds, [ed]);
  assert.ok(await verifier.verify(`${signed}.${base64(made)}`));
  await refused(`${signed}.${base64(Buffer.concat([made.subarray(0, 32), malleable]))}`, /signature/, verifier);
});

test("V8, V9: issuer and audience", async () => {
  for (const iss of [`${issuer}/`, issuer.toUpperCase(), "https://auth.example.com.evil.test", [issuer], undefined]) {
    await refused(forge(key, header, { ...claims, iss }), /iss/);
  }
  for (const aud of [
    "https://other.example.com",
    ["https://other.example.com"],
    undefined,
    [],
    [audience, 1],
    `${audience}/`,
  ]) {
    await refused(forge(key, header, { ...claims, aud }), /aud/);
  }
  assert.equal((await verifierAt().verify(forge(key, header, { ...claims, aud: ["x", audience] }))).aud, audience);
});

test("V10: times, to the second", async () => {
  const exp = nowSeconds + 900;
  const at = (seconds: number, leewaySeconds?: number): Verifier =>
    verifierAt(seconds, [key], leewaySeconds === undefined ? {} : { leewaySeconds });
  assert.ok(await at(exp + 29.999).verify(good));
  await refused(good, /expired/, at(exp + 30));
  assert.ok(await at(exp - 0.001, 0).verify(good));
  await refused(good, /expired/, at(exp, 0));
  assert.ok(await at(nowSeconds - 60).verify(good));
  await refused(good, /future/, at(nowSeconds - 61));
  for (const bad of ["1800000900", 1_800_000_900.5, 1e308, null, undefined, -1, true]) {
    await refused(forge(key, header, { ...claims, exp: bad }), /exp/);
  }
  await refused(forge(key, header, { ...claims, nbf: nowSeconds + 61 }), /future/);
  assert.throws(() => at(nowSeconds, 61), { code: "invalid_option" });
});

test("V10: what was good is refused from its last second on, from the cache too", async () => {
  let seconds = nowSeconds;
  const verifier = createVerifier({
    issuer,
    audience,
    keys: { keys: [key.jwk] },
    revocations: false,
    now: () => seconds * 1000,
  });
  assert.ok(await verifier.verify(good));
  seconds = nowSeconds + 929;
  assert.equal(await verifier.verify(good), await verifier.verify(good), "one result for all");
  seconds = nowSeconds + 930;
  await refused(good, /expired/, verifier);
  await refused(good, /expired/, verifier);
});

test("V11: required claims", async () => {
  for (const name of ["iss", "sub", "aud", "client_id", "exp", "iat", "jti", "sid", "auth_time", "amr"]) {
    await refused(forge(key, header, { ...claims, [name]: undefined }), new RegExp(`its ${name} is`));
  }
  for (const name of ["sub", "client_id", "jti"])
    await refused(forge(key, header, { ...claims, [name]: "" }), /no text/);
});

test("no refusal repeats anything out of the token", async () => {
  const loud = "LOUD-VALUE";
  for (const token of [
    forge(key, { ...header, typ: loud }, claims),
    forge(key, { ...header, kid: loud }, claims),
    forge(key, { ...header, alg: loud }, claims),
    forge(key, header, { ...claims, iss: loud }),
    forge(key, header, { ...claims, amr: loud }),
  ]) {
    await assert.rejects(verifierAt().verify(token), (error: Error) => !error.message.includes(loud));
  }
});

test("a wrong option is refused where it is made", () => {
  const base = { issuer, audience };
  for (const [field, options] of Object.entries({
    issuer: { ...base, issuer: "http://auth.example.com" },
    audience: { ...base, audience: "" },
    keys: { ...base, keys: "http://auth.example.com/jwks" },
    "revocations.url": { ...base, revocations: { url: "ftp://auth.example.com" } },
    "revocations.mode": { ...base, revocations: { mode: "push" } },
    "revocations.pollSeconds": { ...base, revocations: { pollSeconds: 0 } },
    algorithms: { ...base, algorithms: ["HS256"] },
    onStale: { ...base, onStale: "shrug" },
    staleAfterSeconds: { ...base, staleAfterSeconds: 0 },
    cacheMax: { ...base, cacheMax: -1 },
  })) {
    assert.throws(
      () => createVerifier(options as VerifierOptions),
      (error: unknown) => error instanceof PawlError && error.code === "invalid_option" && error.facts.field === field,
      field,
    );
  }
  for (const keys of [{ keys: [] }, { keys: [{ kty: "oct", k: "AAAA", kid: "a" }] }]) {
    assert.throws(() => createVerifier({ ...base, keys }), { code: "invalid_option" });
  }
});

test("the cache is bounded, and a closed verifier says that it is", async (t) => {
  const own = await Issuer.start(t);
  const verifier = createVerifier({
    issuer: own.origin,
    audience,
    revocations: false,
    cacheMax: 2,
    now: () => nowSeconds * 1000,
  });
  const token = own.token();
  const first = await verifier.verify(token);
  assert.equal(await verifier.verify(token), first);
  for (let index = 0; index < 5; index += 1) await verifier.verify(own.token({ jti: `j${index}` }));
  assert.notEqual(await verifier.verify(token), first, "forgotten and checked again");
  verifier.close();
  await assert.rejects(verifier.verify(token), { code: "store_unavailable" });
});
