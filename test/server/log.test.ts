// The log: levels, one line per entry whatever is in it, and never a token.

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { failureDetail } from "../../src/http/log.ts";
import type { LogLevel } from "../../src/server/config.ts";
import { createLog, type Log, printable } from "../../src/server/log.ts";

function recorded(level: LogLevel, terminal = false): { log: Log; lines: string[] } {
  const lines: string[] = [];
  const clock = { now: () => 1_700_000_000_123 };
  return { log: createLog({ level, terminal, clock, write: (line) => lines.push(line) }), lines };
}

describe("the log", () => {
  it("writes the levels up to its own", () => {
    const expected = { silent: 0, error: 1, info: 2, debug: 3 } as const;
    for (const [level, count] of Object.entries(expected) as [LogLevel, number][]) {
      const { log, lines } = recorded(level);
      log.error("a");
      log.info("b");
      log.debug("c");
      assert.equal(lines.length, count, level);
      assert.deepEqual(
        [log.writes("error"), log.writes("info"), log.writes("debug")],
        [count > 0, count > 1, count > 2],
      );
    }
  });

  it("is one JSON object a line for machines and one line of text for people", () => {
    const json = recorded("info");
    json.log.info("hello", { status: 200, client: "::1", absent: undefined });
    const entry = '{"time":"2023-11-14T22:13:20.123Z","level":"info","message":"hello","status":200,"client":"::1"}\n';
    assert.deepEqual(json.lines, [entry]);
    const text = recorded("info", true);
    text.log.info("hello", { status: 200, absent: undefined });
    assert.deepEqual(text.lines, ["22:13:20 info  hello status=200\n"]);
  });

  it("encodes whatever could forge a line, move the cursor or reorder text", () => {
    assert.equal(
      printable("a\nb\r\u001b[2J\u0000\u009b\u202e\u2028\u007f"),
      "a\\u000ab\\u000d\\u001b[2J\\u0000\\u009b\\u202e\\u2028\\u007f",
    );
    assert.equal(printable("ä 😀 \ud800"), "ä 😀 \\ud800");
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), (text) => {
        for (const terminal of [true, false]) {
          const { log, lines } = recorded("info", terminal);
          log.info(text, { field: text });
          assert.equal(lines.length, 1);
          assert.match(lines[0] ?? "", /^[^\p{Cc}\u2028\u2029]*\n$/u);
        }
      }),
    );
  });

  it("cuts out what looks like a token", () => {
    const refresh = `pawl_rt_${"A".repeat(143)}`;
    const access = `eyJhbGciOiJFUzI1NiJ9.${"B".repeat(80)}.${"C".repeat(86)}`;
    const { log, lines } = recorded("debug");
    log.debug(`got ${refresh} and`, {
      cookie: `pawl-dev-1=${refresh}; x=1`,
      header: `Bearer opaque-admin-token`,
      jwt: access,
    });
    log.error("http://localhost:4000/reset#SecretSecretSecret");
    const all = lines.join("");
    for (const piece of ["AAAA", "BBBB", "CCCC", "opaque-admin", "SecretSecret"])
      assert.ok(!all.includes(piece), piece);
    assert.match(all, /pawl-dev-1=\[token\]; x=1/);
  });

  it("masks before it cuts: a bound in the middle of a token shows no part of it", () => {
    const access = `eyJhbGciOiJFUzI1NiJ9.${"B".repeat(80)}.${"C".repeat(86)}`;
    for (const token of [access, `pawl_rt_${"B".repeat(143)}`]) {
      for (let room = 0; room < token.length; room += 7) {
        const shown = printable(`${" ".repeat(2048 - room)}${token}`);
        assert.ok(!/BB|eyJ|_rt_/.test(shown), `${room} ${shown.trim()}`);
        const detail = failureDetail(new Error(`${" ".repeat(300 - "Error: ".length - room)}${token}`));
        assert.ok(!/BB|eyJ|_rt_/.test(detail), `${room} ${detail.trim()}`);
      }
    }
    assert.ok(!printable(access.slice(0, 60)).includes("BB"), "nor of one that was cut elsewhere");
  });

  it("bounds what it repeats", () => {
    assert.ok(printable("x".repeat(1_000_000)).length < 2100);
  });
});
