// Who the client is behind proxies, and who is a direct program of this machine.

import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import {
  addressKey,
  createClientAddress,
  isDirectLocal,
  isLoopbackAddress,
  plainAddress,
} from "../../src/http/proxy.ts";
import { incomingWith } from "./incoming.ts";

const proxies = ["10.0.0.0/8", "192.0.2.7", "2001:db8:1::/48"];

test("addresses lose brackets, ports, zones and IPv4 wrapping; what is none is none", () => {
  const forms: readonly (readonly [string, string | undefined])[] = [
    ["203.0.113.9", "203.0.113.9"],
    ["203.0.113.9:4711", "203.0.113.9"],
    ["::ffff:203.0.113.9", "203.0.113.9"],
    ["::FFFF:203.0.113.9", "203.0.113.9"],
    ["[2001:DB8::1]:4711", "2001:db8::1"],
    ["[2001:db8::1]", "2001:db8::1"],
    ["2001:db8::1", "2001:db8::1"],
    ["fe80::1%eth0", "fe80::1"],
    ["", undefined],
    ["unknown", undefined],
    ["_hidden", undefined],
    ["1.2.3", undefined],
    ["1.2.3.4.5", undefined],
    ["[", undefined],
    ["evil.test:80", undefined],
  ];
  for (const [text, address] of forms) assert.equal(plainAddress(text), address, text);
});

test("forwarding headers count only from trusted proxies, from the right", () => {
  const find = createClientAddress(proxies);
  const cases: readonly (readonly [string, Record<string, string>, string | undefined])[] = [
    ["203.0.113.9", { "x-forwarded-for": "198.51.100.1" }, "203.0.113.9"],
    ["10.0.0.1", {}, "10.0.0.1"],
    ["10.0.0.1", { "x-forwarded-for": "198.51.100.1" }, "198.51.100.1"],
    ["::ffff:10.0.0.1", { "x-forwarded-for": "198.51.100.1" }, "198.51.100.1"],
    ["10.0.0.1", { "x-forwarded-for": "1.1.1.1, 198.51.100.1" }, "198.51.100.1"],
    ["10.0.0.1", { "x-forwarded-for": "1.1.1.1, 198.51.100.1, 192.0.2.7,10.9.9.9" }, "198.51.100.1"],
    ["10.0.0.1", { "x-forwarded-for": "10.0.0.3, 10.0.0.2" }, "10.0.0.3"],
    ["10.0.0.1", { "x-forwarded-for": "1.1.1.1, junk" }, "10.0.0.1"],
    ["10.0.0.1", { "x-forwarded-for": "1.1.1.1, junk, 10.0.0.2" }, "10.0.0.2"],
    ["10.0.0.1", { forwarded: "for=198.51.100.1" }, "198.51.100.1"],
    ["10.0.0.1", { forwarded: 'proto=https;For="[2001:db8::9]:4711";by=10.0.0.1' }, "2001:db8::9"],
    ["10.0.0.1", { forwarded: "for=1.1.1.1, for=198.51.100.1;proto=http, for=10.0.0.2" }, "198.51.100.1"],
    ["10.0.0.1", { forwarded: "for=unknown" }, "10.0.0.1"],
    ["10.0.0.1", { forwarded: "proto=https" }, "10.0.0.1"],
    ["10.0.0.1", { forwarded: "for=1.1.1.1", "x-forwarded-for": "198.51.100.1" }, "10.0.0.1"],
    ["10.0.0.1", { forwarded: "for=198.51.100.1", "x-forwarded-for": "198.51.100.1" }, "198.51.100.1"],
    ["10.0.0.1", { "x-real-ip": "198.51.100.1" }, "10.0.0.1"],
    ["2001:db8:1::5", { "x-forwarded-for": "198.51.100.1" }, "198.51.100.1"],
  ];
  for (const [peer, headers, client] of cases) {
    assert.equal(find(incomingWith(headers, { address: peer })), client, `${peer} ${JSON.stringify(headers)}`);
  }
  assert.equal(
    createClientAddress(undefined)(incomingWith({ "x-forwarded-for": "1.1.1.1" }, { address: "10.0.0.1" })),
    "10.0.0.1",
  );
  assert.equal(find(incomingWith({ "x-forwarded-for": "1.1.1.1" })), undefined);
  const byFunction = createClientAddress((address) => address === "203.0.113.9");
  assert.equal(byFunction(incomingWith({ "x-forwarded-for": "1.1.1.1" }, { address: "203.0.113.9" })), "1.1.1.1");
});

test("nothing a client writes to the left of an untrusted hop is ever believed", () => {
  const find = createClientAddress(proxies);
  fc.assert(
    fc.property(fc.string({ maxLength: 80 }), (invented) => {
      const headers = { "x-forwarded-for": `${invented}, 198.51.100.1` };
      assert.equal(find(incomingWith(headers, { address: "10.0.0.1" })), "198.51.100.1");
    }),
  );
});

test("options that name no network are refused", () => {
  for (const wrong of ["", "localhost", "10.0.0.0/33", "10.0.0.0/-1", "10.0.0.0/8/8", "::/129", "10.0.0.0/"]) {
    assert.throws(() => createClientAddress([wrong]), { code: "invalid_option" }, wrong);
  }
  assert.throws(() => createClientAddress(Array.from({ length: 65 }, () => "10.0.0.1")), { code: "invalid_option" });
});

test("direct and local: loopback peer, the issuer's Host, no forwarding header", () => {
  const issuer = "http://localhost:4000";
  const host = "localhost:4000";
  for (const address of ["127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1"]) {
    assert.ok(isLoopbackAddress(address));
    assert.ok(isDirectLocal(incomingWith({ host }, { address }), issuer));
    assert.ok(isDirectLocal(incomingWith({ host: "LOCALHOST:4000" }, { address }), issuer));
    for (const wrong of ["localhost", "localhost:4001", "evil.test:4000", "127.0.0.1:4000", ""]) {
      assert.ok(!isDirectLocal(incomingWith({ host: wrong }, { address }), issuer), wrong);
    }
    for (const name of ["forwarded", "x-forwarded-for", "x-forwarded-proto", "x-real-ip", "via", "cf-connecting-ip"]) {
      assert.ok(!isDirectLocal(incomingWith({ host, [name]: "" }, { address }), issuer), name);
    }
  }
  for (const address of ["10.0.0.1", "::2", "128.0.0.1"]) {
    assert.ok(!isDirectLocal(incomingWith({ host }, { address }), issuer));
  }
  assert.ok(!isDirectLocal(incomingWith({ host }), issuer));
});

test("an IPv4 address counts by itself, also mapped into IPv6", () => {
  assert.equal(addressKey("192.0.2.7"), "192.0.2.7");
  assert.equal(addressKey("::ffff:192.0.2.7"), "192.0.2.7");
  assert.equal(addressKey("::FFFF:192.0.2.7"), "192.0.2.7");
  assert.notEqual(addressKey("192.0.2.8"), addressKey("192.0.2.7"));
});

test("an IPv6 /64 counts as one, in every spelling", () => {
  const same = [
    "2001:db8:1:2:ffff:ffff:ffff:ffff",
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

test("a strange peer has a bounded key", () => {
  assert.equal(addressKey("x".repeat(1000))?.length, 64);
});
