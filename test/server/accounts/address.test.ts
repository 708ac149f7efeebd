// Which peers count as one.

import assert from "node:assert/strict";
import { test } from "node:test";
import { addressKey } from "../../../src/server/accounts/address.ts";

test("an IPv4 address counts by itself, also mapped into IPv6", () => {
  assert.equal(addressKey("192.0.2.7"), "192.0.2.7");
  assert.equal(addressKey("::ffff:192.0.2.7"), "192.0.2.7");
  assert.equal(addressKey("::FFFF:192.0.2.7"), "192.0.2.7");
  assert.notEqual(addressKey("192.0.2.8"), addressKey("192.0.2.7"));
});

test("an IPv6 /64 counts as one, in every spelling", () => {
  const same = [
    "2001:db8:1:2::1",
    "2001:0DB8:0001:0002:ffff:ffff:ffff:ffff",
    "2001:db8:1:2:0:0:192.0.2.1",
    "2001:db8:1:2::9%eth0",
  ];
  for (const ip of same) assert.equal(addressKey(ip), "2001:db8:1:2::/64", ip);
  assert.notEqual(addressKey("2001:db8:1:3::1"), addressKey("2001:db8:1:2::1"));
  assert.equal(addressKey("::1"), "0:0:0:0::/64");
  assert.equal(addressKey("1::"), "1:0:0:0::/64");
  assert.equal(addressKey("2001:db8::3:4:5:192.0.2.1"), "2001:db8:0:3::/64");
  assert.equal(addressKey("64:ff9b::192.0.2.1"), "64:ff9b:0:0::/64");
});

test("an unknown peer has no key, a strange one a bounded one", () => {
  assert.equal(addressKey(undefined), undefined);
  assert.equal(addressKey(""), undefined);
  assert.equal(addressKey("x".repeat(1000))?.length, 64);
});
