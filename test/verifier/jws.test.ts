// verifyJws against vectors that others wrote (test/vectors/README.md), and against forms that they leave out.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { createHmac } from "node:crypto";
import { readFileSync } from "node:fs";
import { describe, test } from "node:test";
import type { Jwk } from "../../src/verifier/index.ts";
import { PawlError, verifyJws } from "../../src/verifier/index.ts";
import { acceptedOf, casesOf, doubles, isAccepted, type SuiteName, twin, wanted } from "./wycheproof.ts";

/** The cases whose verdict is not the wanted one. */
async function wrongVerdicts(suite: SuiteName): Promise<string[]> {
  const accepted = await acceptedOf(suite);
  return casesOf(suite).flatMap((each) => {
    const verdict = wanted(suite, each);
    const isWrong = verdict !== undefined && accepted.has(each.tcId) !== (verdict === "valid");
    return isWrong ? [`${each.tcId} ${each.comment}: not ${verdict}`] : [];
  });
}

describe("Wycheproof", () => {
  test("signatures: every invalid one is refused, every honest valid one accepted", async () => {
    const cases = casesOf("json_web_signature_test");
    assert.equal(cases.length, 401);
    const textOf = (id: number) => cases.find(({ tcId }) => tcId === id)?.jws;
    for (const id of doubles) assert.equal(textOf(id), textOf(twin));
    assert.deepEqual(await wrongVerdicts("json_web_signature_test"), []);
  });
  test("keys: mixed, doubled, weak and short ones are refused", async () => {
    assert.equal(casesOf("json_web_key_test").length, 26);
    assert.deepEqual(await wrongVerdicts("json_web_key_test"), []);
  });
});

/** The run below is the same file again; it does not start another. */
const isSecond = process.env.PAWL_TEST_WEBCRYPTO === "1";

test("all of this through WebCrypto alone, as in runtimes without the crypto of Node.js", { skip: isSecond }, () => {
  const { status, stdout } = spawnSync(
    process.execPath,
    ["--import", "data:text/javascript,process.getBuiltinModule = undefined", "--test", import.meta.filename],
    { encoding: "utf8", timeout: 120_000, env: { PATH: process.env.PATH, PAWL_TEST_WEBCRYPTO: "1" } },
  );
  assert.equal(status, 0, stdout);
  assert.match(stdout, /^. pass [1-9]/m);
});

interface Example {
  readonly name: string;
  readonly key: Jwk;
  readonly jws: string;
  readonly payload: string;
}

describe("examples of the RFCs", () => {
  const file = new URL("../vectors/cookbook-jws.json", import.meta.url);
  const examples = JSON.parse(readFileSync(file, "utf8")) as Readonly<Record<"accepted" | "refused", Example[]>>;
  for (const { name, key, jws, payload } of examples.accepted) {
    test(`${name}: accepted, and not with one bit changed`, async () => {
      const algorithm = JSON.parse(Buffer.from(jws.split(".")[0] as string, "base64url").toString()).alg;
      const verified = await verifyJws(jws, key, { algorithms: [algorithm] });
      assert.equal(Buffer.from(verified.payload).toString(), payload);
      const at = jws.length - 20;
      assert.equal(
        await isAccepted(`${jws.slice(0, at)}${jws[at] === "A" ? "B" : "A"}${jws.slice(at + 1)}`, key),
        false,
      );
    });
  }
  // Detached content and unencoded payloads are other serializations; a bearer token has neither.
  for (const { name, key, jws } of examples.refused) {
    test(`${name}: refused`, async () => assert.equal(await isAccepted(jws, key), false));
  }
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
