// Finding our cookie in any header, and its attributes at the edges.

import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { cookieCandidatesMax, createCookiePolicy } from "../../src/http/cookies.ts";

const policy = createCookiePolicy("https://auth.example.test");

test("Max-Age is whole, never negative, never beyond 400 days", () => {
  const maxAge = (seconds: number): string => policy.set("t", seconds).split("Max-Age=")[1] as string;
  assert.deepEqual([0, -5, 1.9, 34_560_001, 1e12].map(maxAge), ["0", "0", "1", "34560000", "34560000"]);
});

test("names: by scheme and port", () => {
  assert.equal(policy.name, "__Host-Http-pawl");
  assert.equal(createCookiePolicy("http://localhost:4123").name, "pawl-dev-4123");
  assert.equal(createCookiePolicy("http://localhost").name, "pawl-dev-80");
});

test("a good cookie is found wherever it stands, and never more than a few are tried", () => {
  const good = `pawl_rt_${"A".repeat(143)}`;
  const junk = fc.oneof(
    fc.string({ maxLength: 20 }).map((text) => text.replaceAll(";", "")),
    fc.constantFrom(`${policy.name}=x`, policy.name, `${policy.name}=`, `x${policy.name}=y`, "=", ""),
    fc.nat(999).map((number) => `${policy.name}=planted${number}`),
  );
  fc.assert(
    fc.property(fc.array(junk, { maxLength: 12 }), fc.array(junk, { maxLength: 12 }), (before, after) => {
      const candidates = policy.candidates([...before, ` ${policy.name}=${good} `, ...after].join(";"));
      assert.equal(candidates[0], good);
      assert.ok(candidates.length <= cookieCandidatesMax);
      assert.ok(candidates.every((value) => value !== "" && !value.includes(";")));
    }),
  );
});

test("no header, no candidates; a header without our name neither", () => {
  assert.deepEqual(policy.candidates(undefined), []);
  for (const header of [
    "",
    ";",
    "a=b",
    "__host-http-pawl=x",
    "__Host-pawl=x",
    "__Host-Http-pawl2=x",
    "__Host-Http-pawl",
  ]) {
    assert.deepEqual(policy.candidates(header), [], header);
  }
});
