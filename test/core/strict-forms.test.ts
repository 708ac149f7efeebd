// The forms inside a token: canonical base64url, unambiguous JSON, the Authorization header. What one reader could take
// otherwise than another is refused.

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { decodeBase64url } from "../../src/core/base64url.ts";
import { bearerChallenge, readBearer } from "../../src/core/bearer.ts";
import { parseObject } from "../../src/core/strict-json.ts";

const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text);
const parse = (text: string): Map<string, unknown> | undefined => parseObject(bytesOf(text));

describe("base64url", () => {
  test("whatever bytes there are, their one text gives them back", () => {
    for (let length = 0; length < 70; length += 1) {
      const bytes = Buffer.from(Array.from({ length }, (_, index) => (index * 89 + length) & 255));
      const text = bytes.toString("base64url");
      assert.deepEqual(Buffer.from(decodeBase64url(text) as Uint8Array), bytes);
    }
  });
  test("padding, white space, other alphabets, lengths that no bytes have and unused bits are refused", () => {
    for (const bad of ["A", "AAAAA", "AA==", "AA A", "AA\n", "A+", "A/", "AAé", "AA☃", "AB", "AAB", "A\0", ".."]) {
      assert.equal(decodeBase64url(bad), undefined, JSON.stringify(bad));
    }
    assert.deepEqual(decodeBase64url(""), new Uint8Array());
  });
});

describe("JSON", () => {
  test("an object and nothing else", () => {
    assert.deepEqual(
      parse('{"a":[1,{"b":"\\u0061"}],"c":null}'),
      new Map<string, unknown>(Object.entries({ a: [1, { b: "a" }], c: null })),
    );
    for (const bad of ["", "1", "null", "[]", '"a"', "{", "{}x", "{a:1}", "\ufeff{}", "{'a':1}"]) {
      assert.equal(parse(bad), undefined, bad);
    }
    assert.equal(parseObject(new Uint8Array([0x7b, 0xff, 0x7d])), undefined);
  });
  test("no member twice, however it is written, at any depth", () => {
    for (const bad of ['{"a":1,"a":1}', '{"a":1,"\\u0061":2}', '{"x":{"a":1,"a":2}}', '{"x":[{"a":1,"a":2}]}']) {
      assert.equal(parse(bad), undefined, bad);
    }
    assert.ok(parse('{"a":"a","b":["a","a"],"c":{"a":1}}'));
  });
  test("finite numbers, bounded depth, names that mean nothing to the language", () => {
    assert.equal(parse('{"a":1e999}'), undefined);
    assert.equal(parse('{"a":[-1e999]}'), undefined);
    assert.ok(parse(`{"a":${"[".repeat(15)}${"]".repeat(15)}}`));
    assert.equal(parse(`{"a":${"[".repeat(16)}${"]".repeat(16)}}`), undefined);
    assert.deepEqual([...(parse('{"__proto__":{"x":1}}') ?? [])], [["__proto__", { x: 1 }]]);
  });
});

describe("bearer tokens", () => {
  test("one scheme in any case, one token68", () => {
    for (const good of ["Bearer a.b-c_~+/==", "bEaReR    a", "BEARER a"])
      assert.equal(readBearer(good).kind, "token", good);
    for (const none of [undefined, "", "Bearer", "bearer  ", "Basic YTpi", "Bearerx y", "DPoP x"]) {
      assert.equal(readBearer(none).kind, "none", none);
    }
    for (const bad of [
      "Bearer a b",
      "Bearer a,b",
      "Bearer a, Bearer b",
      "Bearer a\tb",
      "Bearer =",
      `Bearer ${"a".repeat(8193)}`,
    ]) {
      assert.equal(readBearer(bad).kind, "malformed", bad);
    }
  });
  test("a challenge quotes what it is given, and nothing breaks out of it", () => {
    assert.equal(bearerChallenge("pawl"), 'Bearer realm="pawl"');
    const hostile = bearerChallenge("pawl", { error_description: 'a"b\\c\r\nSet-Cookie: x=1 ☃' });
    assert.equal(hostile, `Bearer realm="pawl", error_description="a'b'c''Set-Cookie: x=1 '"`);
  });
});
