// Our HMAC is HMAC: equal to Node's for any key, any message, any split of it; and to a vector of RFC 4231.

import assert from "node:assert/strict";
import { createHash, createHmac as nodeHmac } from "node:crypto";
import { test } from "node:test";
import fc from "fast-check";
import { createHmac, messageBytesMax, sha256 } from "../../src/core/hmac.ts";

test("equals node:crypto for keys up to a block and messages up to the bound, in any number of parts", () => {
  const part = fc.uint8Array({ maxLength: 85 });
  fc.assert(
    fc.property(
      fc.uint8Array({ maxLength: 64 }),
      fc.array(fc.tuple(part, part, part), { minLength: 1 }),
      (key, messages) => {
        const hmac = createHmac(key);
        // One key, many messages: nothing of an earlier, longer message may linger.
        for (const parts of messages) {
          assert.deepEqual(hmac.of(...parts), nodeHmac("sha256", key).update(Buffer.concat(parts)).digest());
        }
      },
    ),
  );
});

test("RFC 4231 section 4.3", () => {
  const mac = createHmac(Buffer.from("Jefe")).of(Buffer.from("what do ya want for nothing?"));
  assert.equal(mac.toString("hex"), "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
});

test("SHA-256 equals node:crypto", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (data) => {
      assert.deepEqual(sha256(data), createHash("sha256").update(data).digest());
    }),
  );
});

test("bounds", () => {
  assert.throws(() => createHmac(new Uint8Array(65)), RangeError);
  const hmac = createHmac(new Uint8Array(32));
  assert.equal(hmac.of(new Uint8Array(messageBytesMax)).length, 32);
  assert.throws(() => hmac.of(new Uint8Array(messageBytesMax), new Uint8Array(1)), RangeError);
});
