// Options: precedence, defaults, every bad value, and what a start warns about. Nothing is started here.

import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, it } from "node:test";
import { PawlError } from "../../src/core/errors.ts";
import { optionRows, readSettings, type Settings } from "../../src/server/config.ts";
import { issuerFor, registrationFor, warningsFor } from "../../src/server/issuer.ts";

const folder = mkdtempSync(join(tmpdir(), "pawl-config-"));
after(() => rmSync(folder, { recursive: true }));

interface Sources {
  readonly flags?: Record<string, string>;
  readonly environment?: Record<string, string>;
  readonly file?: unknown;
}

function settings({ flags = {}, environment = {}, file }: Sources): Settings {
  const path = join(folder, "pawl.config.json");
  if (file === undefined) rmSync(path, { force: true });
  else writeFileSync(path, typeof file === "string" ? file : JSON.stringify(file));
  return readSettings({ flags, environment, directory: folder });
}

function refusal(sources: Sources): string {
  try {
    settings(sources);
  } catch (error) {
    assert.ok(error instanceof PawlError);
    assert.equal(error.code, "invalid_option");
    assert.doesNotMatch(error.detail, /\n/);
    return error.detail;
  }
  return assert.fail(`accepted ${JSON.stringify(sources)}`);
}

const secret = `${"A".repeat(42)}E`;

describe("options", () => {
  it("have the defaults of the contract", () => {
    const given = settings({});
    assert.deepEqual(given, {
      port: 4000,
      host: "localhost",
      issuer: undefined,
      store: { kind: "sqlite", file: "./data/pawl.db" },
      secret: undefined,
      audience: undefined,
      algorithm: "ES256",
      keyRotationSeconds: undefined,
      policy: {
        accessTtlSeconds: 900,
        idleTtlSeconds: 604_800,
        sessionTtlSeconds: 2_592_000,
        rotation: "two-phase",
        graceSeconds: 30,
        sessionsMax: 50,
      },
      origins: undefined,
      registration: undefined,
      adminToken: undefined,
      feedToken: undefined,
      clients: [],
      trustProxy: [],
      rateLimit: true,
      log: "info",
      warnings: [],
    });
    assert.equal(issuerFor(given, 4000), "http://localhost:4000");
    assert.equal(issuerFor(given, 80), "http://localhost");
  });

  it("come from the flag, then the environment, then the file, then the default", () => {
    const file = { accessTtl: "1m", port: 3, grace: 7 };
    const environment = { PAWL_ACCESS_TTL: "2m", PORT: "2" };
    const given = settings({ file, environment, flags: { "access-ttl": "3m" } });
    assert.equal(given.policy.accessTtlSeconds, 180);
    assert.equal(given.port, 2);
    assert.equal(given.policy.graceSeconds, 7);
    assert.equal(given.policy.idleTtlSeconds, 604_800);
  });

  it("take every row of the table from each of its places", () => {
    const good: Record<string, string> = {
      port: "8080",
      host: "127.0.0.1",
      issuer: "https://auth.example.com",
      store: "sqlite:/tmp/x.db",
      secret,
      audience: "api",
      alg: "EdDSA",
      keyRotation: "30d",
      accessTtl: "5m",
      idleTtl: "2d",
      sessionTtl: "9d",
      rotation: "strict",
      grace: "20s",
      origins: "https://app.example.com",
      maxSessions: "5",
      registration: "closed",
      adminToken: "admin",
      feedToken: "feed",
      clients: '[{"id": "app"}]',
      trustProxy: "10.0.0.0/8",
      rateLimit: "off",
      log: "debug",
    };
    assert.deepEqual(Object.keys(good).sort(), optionRows.map((row) => row.member).sort());
    const fromFile = settings({ file: good });
    const environment = Object.fromEntries(optionRows.map((row) => [row.variable, good[row.member] as string]));
    assert.deepEqual(settings({ environment }), fromFile);
    const flagged = optionRows.filter((row) => row.flag !== undefined);
    const flags = Object.fromEntries(flagged.map((row) => [row.flag as string, good[row.member] as string]));
    assert.deepEqual(
      { ...settings({ flags }), secret, adminToken: "admin", feedToken: "feed", clients: [{ id: "app" }] },
      fromFile,
    );
    for (const row of optionRows) {
      const alone = settings({ file: { [row.member]: good[row.member] } });
      assert.notDeepEqual(alone, settings({}), `${row.member} changed nothing`);
    }
  });

  it("take JSON numbers, lists and truth values in the file", () => {
    const given = settings({
      file: { port: 0, idleTtl: 60, rateLimit: false, origins: ["https://a.example", "https://b.example"] },
    });
    assert.equal(given.port, 0);
    assert.equal(given.policy.idleTtlSeconds, 60);
    assert.equal(given.rateLimit, false);
    assert.deepEqual(given.origins, ["https://a.example", "https://b.example"]);
    const clients = [{ id: "app", scopes: ["read"] }, { id: "tool" }];
    assert.deepEqual(settings({ file: { clients } }).clients, clients);
  });

  it("treat an empty variable as not set", () => {
    assert.deepEqual(settings({ environment: { PAWL_SECRET: "", PORT: "", PAWL_GRACE: "" } }), settings({}));
  });
});

const bad: Readonly<Record<string, readonly string[]>> = {
  PORT: ["-1", "65536", "http", "40 00", "4000.5", "0x10", "1e3"],
  HOST: ["", "a b", "http://localhost", "localhost:4000", "300.1.1.1", "[::1", "-x", "*"],
  PAWL_ISSUER: [
    "auth.example.com",
    "http://auth.example.com",
    "http://0.0.0.0:4000",
    "http://127.evil.example",
    "http://localhost.evil.example",
    "ftp://localhost",
    "https://a.example/path",
    "https://a.example/?q",
    "https://a.example?",
    "https://a.example#x",
    "https://user:pw@a.example",
    "null",
  ],
  PAWL_STORE: [
    "",
    "sqlite:",
    "sqlite: ",
    "sqlite::memory:",
    "memory",
    "memory:x",
    "mysql://x",
    "postgres:x",
    "./data/pawl.db",
  ],
  PAWL_SECRET: ["short", `${secret}=`, "a".repeat(42), `${secret},`, `${secret},${secret}`, "ä".repeat(50)],
  PAWL_AUDIENCE: ["a b", "a\nb", "x".repeat(256)],
  PAWL_ALG: ["HS256", "es256", "none", "PS256"],
  PAWL_KEY_ROTATION: ["0", "23h", "401d", "never", "Off", "-1d"],
  PAWL_ACCESS_TTL: ["0", "-5m", "15 m", "15min", "1.5h", "2d", "86401", "infinity"],
  PAWL_IDLE_TTL: ["0", "401d", "34560001", "7w"],
  PAWL_SESSION_TTL: ["0s", "3651d", "forever"],
  PAWL_ROTATION: ["two_phase", "Strict", "off"],
  PAWL_GRACE: ["0", "0s", "301", "6m", "-1"],
  PAWL_ORIGINS: [
    "*",
    "null",
    "app.example.com",
    "https://a.example/x",
    "https://*.example",
    "https://a.example,,",
    "ws://a.example",
  ],
  PAWL_MAX_SESSIONS: ["0", "1001", "many"],
  PAWL_REGISTRATION: ["yes", "OPEN"],
  PAWL_ADMIN_TOKEN: ["a b", "ä", "x".repeat(257)],
  PAWL_FEED_TOKEN: ["a,b"],
  PAWL_CLIENTS: [
    "app",
    "{}",
    "[1]",
    '[{"id": ""}]',
    '[{"id": "first-party"}]',
    '[{"id": "a"}, {"id": "a"}]',
    '[{"id": "a", "secret": "x"}]',
    '[{"id": "a", "authentication": "client_secret"}]',
    '[{"id": "a", "authentication": "password"}]',
    '[{"id": "a", "secretSha256": "short"}]',
    '[{"id": "a", "authentication": "private_key_jwt", "jwks": {"keys": []}}]',
    '[{"id": "a", "scopes": ["a b"]}]',
    '[{"id": "a", "introspects": ["x"]}]',
    '[{"id": "a", "selfService": 1}]',
  ],
  PAWL_TRUST_PROXY: ["proxy.example", "10.0.0.0/33", "10.0.0.0/8/8", "10.0.0.0/", "0.0.0.0/0", "::/0", "10.0.0.1,"],
  PAWL_RATE_LIMIT: ["false", "0"],
  PAWL_LOG: ["warn", "INFO"],
};

describe("a bad option", () => {
  it("exists in this test for every variable", () => {
    assert.deepEqual(Object.keys(bad).sort(), optionRows.map((row) => row.variable).sort());
  });

  for (const row of optionRows) {
    it(`is one line that names ${row.variable} and what it takes`, () => {
      for (const value of bad[row.variable] ?? []) {
        const file = { [row.member]: value };
        assert.match(refusal({ file }), new RegExp(`^"${row.member}" in pawl.config.json`), value);
        assert.ok(refusal({ file }).includes(row.accepts), value);
        if (row.flag !== undefined)
          assert.match(refusal({ flags: { [row.flag]: value } }), new RegExp(`^--${row.flag} `));
        if (value !== "")
          assert.match(refusal({ environment: { [row.variable]: value } }), new RegExp(`^${row.variable} `));
      }
    });
  }

  it("never repeats a secret", () => {
    const text = `not-a-good-secret ${"x".repeat(20)}`;
    for (const row of optionRows.filter((each) => each.flag === undefined)) {
      assert.doesNotMatch(refusal({ environment: { [row.variable]: text } }), /not-a-good/);
    }
    assert.doesNotMatch(refusal({ file: `{"secret": "not-a-good` }), /not-a-good/);
  });

  it("is a shared store without the secret that its nodes share", () => {
    for (const [kind, url] of [
      ["postgres", "postgres://localhost/x"],
      ["postgres", "postgresql://u:p@h/x?schema=s"],
      ["redis", "redis://localhost"],
      ["redis", "rediss://:word@redis.example:6380/2"],
    ] as const) {
      assert.match(refusal({ flags: { store: url } }), new RegExp(`^PAWL_SECRET is required with a ${kind}: store`));
      const given = settings({ flags: { store: url }, environment: { PAWL_SECRET: secret } });
      assert.deepEqual(given.store, { kind, url });
    }
  });

  it("never repeats the password of a database", () => {
    const bad = [
      "postgres://u:hunter2@h/x?schema=BAD",
      "postgress://u:hunter2@h/x",
      "postgres://u:hunter2@h/x?prepare=no",
    ];
    for (const store of [
      ...bad,
      "postgres://h/x?password=hunter2&connections=0",
      "postgres://u:hun ter2@h/x",
      "postgres://u:hunter2@h:x/y",
    ]) {
      const told = refusal({ flags: { store } });
      assert.match(told, /^--store /);
      assert.doesNotMatch(told, /hun/);
    }
  });

  it("keeps the password of a URL to itself", () => {
    for (const value of [
      "redis://user:pass-word@",
      "redis:pass-word@host",
      "redis://:pass-word@host/0?x",
      "x://:pass-@word@host",
      "redis://:pass-word@h/x",
    ]) {
      for (const given of [
        { flags: { store: value } },
        { environment: { PAWL_STORE: value } },
        { file: { store: value } },
      ]) {
        const sentence = refusal(given);
        assert.match(sentence, /is not accepted/);
        assert.doesNotMatch(sentence, /pass-|-word|@word/, value);
      }
    }
  });

  it("says that plain http is for loopback hosts", () => {
    assert.match(refusal({ flags: { issuer: "http://auth.example.com" } }), /loopback hosts only; use https/);
  });

  it("is a file that is no object, not JSON, too large, or has unknown members", () => {
    for (const file of ["[]", "null", "3", "{", "", `{"port": 1}${" ".repeat(70_000)}`]) {
      assert.match(refusal({ file }), /pawl\.config\.json/);
    }
    assert.match(refusal({ file: { accesTtl: "1m" } }), /unknown member "accesTtl"; did you mean accessTtl\?/);
    assert.match(refusal({ file: { port: null } }), /"port" in pawl\.config\.json/);
    assert.match(refusal({ file: { origins: [] } }), /"origins"/);
    assert.match(refusal({ file: { port: { a: 1 } } }), /"port"/);
    assert.match(refusal({ file: `{"__proto__": {"port": 1}}` }), /unknown member "__proto__"/);
    assert.equal(settings({ file: { $schema: "x" } }).port, 4000);
  });

  it("may be grace 0 with strict, where 30 seconds are enforced", () => {
    assert.equal(settings({ flags: { grace: "0", rotation: "strict" } }).policy.graceSeconds, 30);
  });

  it("has the bounds that the sentence names", () => {
    const atBound = {
      "access-ttl": "1d",
      "idle-ttl": "400d",
      "session-ttl": "3650d",
      grace: "5m",
      "max-sessions": "1000",
    };
    assert.equal(settings({ flags: atBound }).policy.sessionsMax, 1000);
    const least = { "access-ttl": "1", "idle-ttl": "1s", "session-ttl": "1", grace: "1", "max-sessions": "1" };
    assert.equal(settings({ flags: least }).policy.graceSeconds, 1);
  });
});

describe("a start", () => {
  const warnings = (sources: Sources, port = 4000): string => {
    const given = settings(sources);
    return warningsFor(given, issuerFor(given, port)).join("\n");
  };

  it("lets anybody register on a loopback issuer only", () => {
    const registration = (flags: Record<string, string>): string => {
      const given = settings({ flags });
      return registrationFor(given, issuerFor(given, 4000));
    };
    assert.equal(registration({}), "open");
    for (const issuer of ["http://127.0.0.1:1", "http://[::1]:1", "https://app.localhost"]) {
      assert.equal(registration({ issuer }), "open", issuer);
    }
    assert.equal(registration({ issuer: "https://auth.example.com" }), "closed");
    assert.equal(registration({ issuer: "https://auth.example.com", registration: "open" }), "open");
    assert.equal(registration({ registration: "closed" }), "closed");
  });

  it("warns about unknown variables, with the nearest known one", () => {
    assert.match(
      warnings({ environment: { PAWL_ACCES_TTL: "1m" } }),
      /"PAWL_ACCES_TTL" is ignored; did you mean PAWL_ACCESS_TTL\?/,
    );
    assert.match(warnings({ environment: { PAWL_PORT: "1" } }), /"PAWL_PORT" is ignored; did you mean PORT\?/);
  });

  it("warns about what is unsafe", () => {
    assert.match(warnings({}), /without Secure/);
    assert.match(warnings({ flags: { "rate-limit": "off" } }), /rate limits are off/);
    assert.match(warnings({ flags: { host: "0.0.0.0" } }), /other machines/);
    assert.doesNotMatch(warnings({ flags: { host: "::1" } }), /other machines/);
    const behindProxy = { issuer: "https://auth.example.com" };
    assert.match(warnings({ flags: behindProxy }), /PAWL_TRUST_PROXY/);
    assert.equal(warnings({ flags: { ...behindProxy, "trust-proxy": "10.0.0.1" } }), "");
  });

  it("warns about origins from which the cookie cannot arrive", () => {
    const from = (origins: string): string =>
      warnings({ flags: { issuer: "https://auth.example.com", "trust-proxy": "::1", origins } });
    assert.equal(from("https://app.example.com,https://example.com:8443"), "");
    assert.match(from("https://app.example.org"), /app\.example\.org does not look same-site/);
    assert.match(from("http://app.example.com"), /does not look same-site/);
  });
});
