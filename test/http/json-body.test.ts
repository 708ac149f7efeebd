// Request bodies: any bytes give an object or nothing, never an exception, never a changed prototype.

import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { isJsonType, optionalString, parseJsonObject, requiredString, transportIn } from "../../src/http/json-body.ts";

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

test("any bytes: an object or nothing", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 64 }), (junk) => {
      const parsed = parseJsonObject(junk);
      assert.ok(parsed === undefined || (typeof parsed === "object" && !Array.isArray(parsed)));
    }),
  );
});

test("any JSON object comes through with its own members only", () => {
  fc.assert(
    fc.property(fc.dictionary(fc.string(), fc.jsonValue()), (object) => {
      const text = JSON.stringify(object);
      assert.equal(JSON.stringify(parseJsonObject(bytes(text))), text);
    }),
  );
  const hostile = parseJsonObject(bytes('{"__proto__":{"transport":"body"},"constructor":{"prototype":{"a":1}}}'));
  assert.ok(hostile);
  assert.equal(transportIn(hostile), undefined);
  assert.equal(({} as Record<string, unknown>).a, undefined);
});

test("members of prototypes are not members", () => {
  const body = parseJsonObject(bytes("{}"));
  assert.ok(body);
  for (const name of ["toString", "constructor", "__proto__", "hasOwnProperty"]) {
    assert.equal(optionalString(body, name), undefined);
    assert.throws(() => requiredString(body, name), { code: "invalid_request" });
  }
});

test("nesting as deep as a body can be is no exception", () => {
  for (const text of ["[".repeat(65_000), `${'{"a":'.repeat(10_000)}1${"}".repeat(10_000)}`]) {
    const parsed = parseJsonObject(bytes(text));
    assert.ok(parsed === undefined || Object.keys(parsed).length === 1);
  }
});

test("media types", () => {
  for (const type of [
    "application/json",
    " application/json ",
    "APPLICATION/JSON;charset=utf-8",
    "application/json;",
  ]) {
    assert.ok(isJsonType(type), type);
  }
  for (const type of [
    undefined,
    "",
    "json",
    "application/json2",
    "application/json; charset=utf-16",
    "application/json; a=b",
    "text/json",
    "application/json, text/plain",
  ]) {
    assert.ok(!isJsonType(type), type);
  }
});
