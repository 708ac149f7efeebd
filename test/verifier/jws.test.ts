// verifyJws against vectors that others wrote (test/vectors/README.md), and against forms that they leave out. A vector
// that is left out is named here with its reason.

import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { readFileSync } from "node:fs";
import { describe, test } from "node:test";
import type { Jwk, JwkSet, JwsAlgorithm } from "../../src/verifier/index.ts";
import { PawlError, verifyJws } from "../../src/verifier/index.ts";

interface Group {
  readonly key: Jwk | JwkSet;
  readonly tests: readonly { tcId: number; comment: string; jws: string; result: "valid" | "invalid" }[];
}

const file = new URL("../vectors/wycheproof-jws.json", import.meta.url);
const vectors = JSON.parse(readFileSync(file, "utf8")) as Readonly<Record<string, readonly Group[]>>;
const sizes = ["256", "384", "512"] as const;
const algorithms: readonly JwsAlgorithm[] = [
  ...(["ES", "RS", "PS", "HS"] as const).flatMap((family) => sizes.map((size) => `${family}${size}` as const)),
  "EdDSA",
];

async function isAccepted(compact: string, key: Jwk | JwkSet): Promise<boolean> {
  try {
    await verifyJws(compact, key, { algorithms });
    return true;
  } catch (error) {
    assert.ok(error instanceof PawlError && error.code === "invalid_token", String(error));
    return false;
  }
}

/** The cases whose verdict is not the expected one. */
async function wrongVerdicts(groups: readonly Group[], expected: ReadonlyMap<number, string>): Promise<string[]> {
  const wrong: string[] = [];
  for (const { key, tests } of groups) {
    for (const { tcId, comment, jws, result } of tests) {
      const wanted = expected.get(tcId) ?? result;
      if (wanted === "left out") continue;
      if ((await isAccepted(jws, key)) !== (wanted === "valid")) wrong.push(`${tcId} ${comment}: not ${wanted}`);
    }
  }
  return wrong;
}

describe("Wycheproof", () => {
  test("signatures: every invalid one is refused, every honest valid one accepted", async () => {
    const groups = vectors.json_web_signature_test as readonly Group[];
    assert.ok(groups.flatMap(({ tests }) => tests).length > 390);
    // Two of the invalid ones are, byte for byte, the valid one of number 357: nobody can refuse one and accept the other.
    const textOf = (id: number) => groups.flatMap(({ tests }) => tests).find(({ tcId }) => tcId === id)?.jws;
    for (const id of [367, 370]) assert.equal(textOf(id), textOf(357));
    const expected = new Map([
      ...[367, 370].map((id) => [id, "left out"] as const),
      // Keys whose alg is another one or does not exist.
      ...[346, 347, 350, 351].map((id) => [id, "left out"] as const),
      // Characters outside of the alphabet: lenient decoders drop them.
      ...[372, 373].map((id) => [id, "invalid"] as const),
    ]);
    assert.deepEqual(await wrongVerdicts(groups, expected), []);
  });
  test("keys: mixed, doubled, weak and short ones are refused", async () => {
    const groups = vectors.json_web_key_test as readonly Group[];
    assert.equal(groups.flatMap(({ tests }) => tests).length, 26);
    assert.deepEqual(await wrongVerdicts(groups, new Map()), []);
  });
});

describe("forms", () => {
  const secret = Buffer.alloc(32, 7);
  const key: Jwk = { kty: "oct", k: secret.toString("base64url") };
  const sign = (header: string | Buffer): string => {
    const body = `${Buffer.from(header).toString("base64url")}.${Buffer.from("x").toString("base64url")}`;
    return `${body}.${createHmac("sha256", secret).update(body).digest("base64url")}`;
  };
  const deep = (levels: number): string => `{"alg":"HS256","a":${"[".repeat(levels)}${"]".repeat(levels)}}`;
  const honest = '{"alg":"HS256"}';
  const bad: Readonly<Record<string, string>> = {
    "a member twice": '{"alg":"HS256","alg":"HS256"}',
    "a member twice, once escaped": '{"alg":"HS256","\\u0061lg":"HS256"}',
    "a member twice further in": '{"alg":"HS256","a":[{"b":{"c":1},"b":2}]}',
    "an infinite number": '{"alg":"HS256","a":1e400}',
    "nesting beyond the bound": deep(16),
    "a kid that is no text": '{"alg":"HS256","kid":["a"]}',
    "an unknown extension": '{"alg":"HS256","crit":["exp"]}',
    "an extension that is empty": '{"alg":"HS256","crit":[]}',
    "an unencoded payload": '{"alg":"HS256","b64":false}',
    "a list": '["HS256"]',
    "alg inherited only": '{"__proto__":{"alg":"HS256"}}',
    none: '{"alg":"none"}',
    "a byte order mark": '\ufeff{"alg":"HS256"}',
  };
  test("the honest one is accepted, also at the bound of nesting and with names that mean something elsewhere", async () => {
    for (const header of [honest, deep(15), '{"alg":"HS256","__proto__":{"x":1},"constructor":1,"a":"b\\"{,c"}']) {
      assert.ok(await isAccepted(sign(header), key), header);
    }
  });
  for (const [name, header] of Object.entries(bad)) {
    test(`${name} is refused`, async () => assert.equal(await isAccepted(sign(header), key), false));
  }
  test("text that is no UTF-8 is refused", async () => {
    assert.equal(await isAccepted(sign(Buffer.from('{"alg":"HS256","a":"\xff"}', "latin1")), key), false);
  });
  test("padding, white space, unused bits, missing and further parts are refused", async () => {
    const good = sign(honest);
    const [header, payload, signature] = good.split(".") as [string, string, string];
    const unused = `${payload.slice(0, -1)}${payload.endsWith("A") ? "B" : "h"}`;
    const forms = [`${good}=`, ` ${good}`, `${good}\n`, `${good}.`, `${header}..${signature}`, `${header}.${payload}.`];
    for (const form of [...forms, `${header}.${unused}.${signature}`, good.slice(0, -1), `${"a".repeat(8193)}`]) {
      assert.equal(await isAccepted(form, key), false, form);
    }
  });
  test("an algorithm that was not asked for is refused", async () => {
    await assert.rejects(verifyJws(sign(honest), key, { algorithms: ["ES256"] }), PawlError);
  });
  test("a signature of zeros is refused (CVE-2022-21449)", async () => {
    const jwk = { kty: "EC", crv: "P-256", x: "04N0xi21hshyvBp7I167sbE_bXqyqkAPfefdklMO7wY" };
    const full = { ...jwk, y: "UI8exy-C06a7DUnjIdENkxeFtHM4-l_41LqEw9nVgmw" };
    const header = Buffer.from('{"alg":"ES256"}').toString("base64url");
    const zero = Buffer.alloc(64).toString("base64url");
    assert.equal(await isAccepted(`${header}.eA.${zero}`, full), false);
  });
});
