// Options of the rules: defaults, bounds to the unit, frozen. Secrets and error meanings with them.

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { ErrorCode } from "../../src/core/errors.ts";
import { errorMeanings, PawlError } from "../../src/core/errors.ts";
import { createPolicy } from "../../src/core/policy.ts";
import { isSid, sidBefore } from "../../src/core/record.ts";
import {
  createSecretRing,
  deriveSecretKeys,
  parseSecrets,
  preferredKeyId,
  secretFingerprint,
} from "../../src/core/secret-keys.ts";

describe("policy", () => {
  test("defaults, frozen", () => {
    const policy = createPolicy();
    assert.deepEqual(policy, {
      accessTtlSeconds: 900,
      idleTtlSeconds: 604_800,
      sessionTtlSeconds: 2_592_000,
      rotation: "two-phase",
      graceSeconds: 30,
      sessionsMax: 50,
    });
    assert.equal(Object.isFrozen(policy), true);
  });
  test("bounds", () => {
    const bounds = {
      accessTtlSeconds: [1, 86_400],
      idleTtlSeconds: [1, 34_560_000],
      sessionTtlSeconds: [1, 315_360_000],
      graceSeconds: [1, 300],
      sessionsMax: [1, 1000],
    } as const;
    for (const [name, [min, max]] of Object.entries(bounds)) {
      for (const good of [min, max]) assert.equal(createPolicy({ [name]: good })[name as "graceSeconds"], good);
      for (const bad of [min - 1, max + 1, 1.5, Number.NaN, "5", -1, Number.POSITIVE_INFINITY]) {
        assert.throws(
          () => createPolicy({ [name]: bad }),
          { code: "invalid_option", facts: { field: name } },
          `${name} ${bad}`,
        );
      }
    }
  });
  test("grace 0 only with strict, where 30 seconds are enforced", () => {
    assert.equal(createPolicy({ rotation: "strict", graceSeconds: 0 }).graceSeconds, 30);
    assert.throws(() => createPolicy({ graceSeconds: 0 }), { code: "invalid_option" });
    assert.throws(() => createPolicy({ rotation: "lenient" as "strict" }), /two-phase or strict/);
  });
});

describe("secrets", () => {
  const good = Buffer.alloc(32, 1).toString("base64url");
  const other = Buffer.alloc(40, 2).toString("base64url");
  test("one or several, newest first", () => {
    assert.deepEqual(
      parseSecrets(` ${good} ,${other}`).map((secret) => secret.length),
      [32, 40],
    );
  });
  test("refusals never repeat the secret", () => {
    const bad = ["", "short", `${good}=`, `${good},`, `${good},${good}`, Buffer.alloc(31).toString("base64url"), "a b"];
    for (const text of [...bad, Array.from({ length: 9 }, () => good).join(","), "A".repeat(2000)]) {
      assert.throws(
        () => parseSecrets(text),
        (error: unknown) =>
          error instanceof PawlError && error.code === "invalid_option" && !error.message.includes(good.slice(0, 20)),
      );
    }
  });
  test("one key per purpose, and a fingerprint that is none of them", () => {
    const keys = deriveSecretKeys(1, Buffer.alloc(32, 1));
    const all = [
      ...[keys.mac, keys.successor, keys.link].map((key) => key.of(new Uint8Array(1)).toString("hex")),
      Buffer.from(keys.sealing).toString("hex"),
    ];
    assert.equal(new Set(all).size, 4);
    assert.equal(secretFingerprint(Buffer.alloc(32, 1)), secretFingerprint(Buffer.alloc(32, 1)));
    assert.notEqual(secretFingerprint(Buffer.alloc(32, 1)), secretFingerprint(Buffer.alloc(32, 2)));
    const idOf = (first: number): number => preferredKeyId(Buffer.alloc(16, first).toString("base64url"));
    assert.deepEqual([idOf(0), idOf(1), idOf(254), idOf(255)], [1, 2, 255, 1], "always a key id");
    assert.equal(createSecretRing([keys]).byId(2), undefined);
  });
});

test("the id before a session id is the one before it in bytes", () => {
  const sid = (hex: string): string => Buffer.from(hex.padStart(32, "0"), "hex").toString("base64url");
  for (const [at, before] of [
    ["1", "0"],
    ["100", "ff"],
    ["10000000000000000000000000000000", "0fffffffffffffffffffffffffffffff"],
    ["ffffffffffffffffffffffffffffffff", "fffffffffffffffffffffffffffffffe"],
  ] as const) {
    assert.equal(sidBefore(sid(at)), sid(before));
  }
  assert.equal(sidBefore(sid("0")), undefined);
});

test("a session id has one spelling", () => {
  assert.equal(isSid(Buffer.alloc(16, 0xff).toString("base64url")), true);
  for (const bad of [
    "",
    "A".repeat(21),
    "A".repeat(23),
    `${"A".repeat(21)}B`,
    `${"A".repeat(21)}=`,
    `${"+".repeat(21)}A`,
  ]) {
    assert.equal(isSid(bad), false, bad);
  }
});

describe("errors", () => {
  test("exactly the terminal codes of CONTRACT section 2 are terminal", () => {
    const terminal = Object.keys(errorMeanings).filter((code) => errorMeanings[code as ErrorCode].terminal);
    assert.deepEqual(terminal.sort(), [
      "refresh_token_expired",
      "refresh_token_invalid",
      "refresh_token_missing",
      "refresh_token_reused",
      "session_expired",
      "session_revoked",
    ]);
    assert.equal(new PawlError("session_expired").terminal, true);
    assert.equal(new PawlError("rate_limited").terminal, false);
  });
  test("carries code, public detail and cause", () => {
    const cause = new Error("internal");
    const error = new PawlError("store_unavailable", "later", { cause, retryAfterSeconds: 2 });
    assert.equal(error.cause, cause);
    assert.equal(error.message, "store_unavailable: later");
    assert.equal(new PawlError("not_found").detail, errorMeanings.not_found.title);
  });
});
