// Verifiers that others wrote, each used as its documentation shows, on access tokens of the built server: what is good is
// accepted by way of the JWKS or the metadata, and what is wrong in one thing alone is refused.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { after, test } from "node:test";
import { createSessions } from "../../src/engine/create-sessions.ts";
import { nodePlatform } from "../../src/platform/node.ts";
import { sqliteStore } from "../../src/stores/sqlite.ts";
import { type JwkSet, verifyJws } from "../../src/verifier/index.ts";
import {
  installInterop,
  missing,
  type ProgramRun,
  runNodeProgram,
  runProgram,
  type SystemProgram,
} from "../../tools/interop/install.ts";
import { temporaryFolder } from "../end-to-end/program.ts";
import { audience, openScene } from "./scene.ts";
import { holdTable, type Row } from "./table.ts";

type Verdicts = Readonly<Record<string, Readonly<Record<string, string>>>>;

const pythonLibraries = "/usr/lib/python3/dist-packages";
const python = (file: string, library: string): SystemProgram & { readonly run: ProgramRun } => {
  const path = "/usr/bin/python3";
  const needs = [`${pythonLibraries}/${library}/__init__.py`];
  return { path, needs, run: { path, words: ["-I", `resource-servers/${file}`] } };
};
const ruby = {
  path: "/usr/bin/ruby",
  needs: ["/usr/share/rubygems-integration/all/gems/jwt-2.5.0/lib/jwt.rb"],
  run: { path: "/usr/bin/ruby", words: ["resource-servers/ruby-jwt.rb"] },
};
const goSources = "/usr/share/gocode/src";
const goBuild = temporaryFolder();
after(() => goBuild.remove());
const go = {
  path: "/usr/bin/go",
  needs: [`${goSources}/github.com/golang-jwt/jwt/token.go`, `${goSources}/gopkg.in/square/go-jose.v2/jwk.go`],
  run: {
    path: "/usr/bin/go",
    words: ["run", "resource-servers/golang/main.go"],
    // As Debian means its libraries to be used: from their sources, without modules and so without a network.
    environment: { GO111MODULE: "off", GOPATH: "/usr/share/gocode", GOCACHE: goBuild.path, GOTOOLCHAIN: "local" },
  },
};

/** Who is tried: by name in the table, with what brings it along. */
const ofNpm: Readonly<Record<string, readonly string[]>> = {
  jose: ["jose"],
  oauth4webapi: ["oauth4webapi"],
  "fast-jwt": ["fast-jwt", "get-jwks"],
  "aws-jwt-verify": ["aws-jwt-verify"],
  "passport-jwt": ["passport-jwt", "jwks-rsa"],
  "express-oauth2-jwt-bearer": ["express-oauth2-jwt-bearer"],
  "@fastify/jwt": ["@fastify/jwt", "get-jwks"],
};
const ofDebian = [
  { names: { PyJWT: "python3-jwt" }, program: python("pyjwt.py", "jwt") },
  { names: { Authlib: "python3-authlib" }, program: python("authlib.py", "authlib") },
  { names: { "ruby-jwt": "ruby-jwt" }, program: ruby },
  {
    names: { "go-jose": "golang-gopkg-square-go-jose.v2-dev", "golang-jwt": "golang-github-golang-jwt-jwt-dev" },
    program: go,
  },
];

const wrong = ["signature changed", "expired", "other audience", "other issuer"] as const;
const table = { name: "resource servers", columns: ["Resource server", "Versions", "good token", ...wrong] };
const rows: Row[] = [];
const isWhole = process.env.CI === "true";

/** A token of the same store and the same key, made by the library, with something different about it. */
async function otherToken(other: { audience?: string; issuer?: string; ago?: number }): Promise<string> {
  const clock = { now: () => Date.now() - (other.ago ?? 0) };
  const sessions = await createSessions({
    store: sqliteStore(join(scene.folder, "pawl.db")),
    issuer: other.issuer ?? scene.issuer,
    audience: other.audience ?? audience,
    platform: { ...nodePlatform, clock },
  });
  const { accessToken } = await sessions.issue({ subject: "ann" });
  await sessions.close();
  return accessToken;
}

function withChangedSignature(token: string): string {
  const at = token.length - 40;
  return `${token.slice(0, at)}${token[at] === "A" ? "B" : "A"}${token.slice(at + 1)}`;
}

const versions = installInterop();
const scene = await openScene();
const given = {
  issuer: scene.issuer,
  jwksUri: `${scene.issuer}/.well-known/jwks.json`,
  audience,
  tokens: {
    "good token": scene.accessToken,
    "signature changed": withChangedSignature(scene.accessToken),
    expired: await otherToken({ ago: 7_200_000 }),
    "other audience": await otherToken({ audience: "https://other.example.com" }),
    "other issuer": await otherToken({ issuer: "https://issuer.example.com" }),
  },
};

test("each bad token is wrong in one thing alone", async () => {
  const keys = (await (await fetch(given.jwksUri)).json()) as JwkSet;
  const good = { iss: given.issuer, aud: audience, isAlive: true };
  const differences: Record<string, string[]> = {};
  for (const [name, token] of Object.entries(given.tokens)) {
    const verified = await verifyJws(token, keys, { algorithms: ["ES256"] }).catch(() => undefined);
    if (verified === undefined) {
      differences[name] = ["signature"];
      continue;
    }
    assert.equal(verified.header.get("typ"), "at+jwt");
    const { iss, aud, exp } = JSON.parse(Buffer.from(verified.payload).toString()) as Record<string, unknown>;
    const seen: Record<string, unknown> = { iss, aud, isAlive: (exp as number) > Date.now() / 1000 };
    differences[name] = Object.entries(good).flatMap(([claim, value]) => (seen[claim] === value ? [] : [claim]));
  }
  assert.deepEqual(differences, {
    "good token": [],
    "signature changed": ["signature"],
    expired: ["isAlive"],
    "other audience": ["aud"],
    "other issuer": ["iss"],
  });
});

/** Good is accepted, everything else refused; notes the row, if the version is one that the page can know. */
function judge(name: string, version: string | undefined, verdicts: Verdicts): void {
  const seen = verdicts[name] ?? {};
  if (version !== undefined) {
    rows.push([name, version, ...["good token", ...wrong].map((kind) => seen[kind] ?? "not tried")]);
  }
  const wanted = Object.fromEntries(wrong.map((kind) => [kind, "refused"]));
  assert.deepEqual(seen, { "good token": "accepted", ...wanted }, name);
}

test("libraries of npm", async (context) => {
  const verdicts = await runNodeProgram<Verdicts>("resource-servers/judge.mjs", given);
  assert.deepEqual(Object.keys(verdicts), Object.keys(ofNpm));
  for (const [name, packages] of Object.entries(ofNpm)) {
    const version = packages.map((each) => `${each} ${versions[each]}`).join(", ");
    await context.test(name, () => judge(name, version, verdicts));
  }
});

/** The version of a Debian package without the part that counts Debian's own changes; what CI has is what the page says. */
function debianVersion(name: string): string | undefined {
  if (process.env.CI !== "true") return undefined;
  const { stdout } = spawnSync("/usr/bin/dpkg-query", ["-W", "-f", `\${Version}`, name], { encoding: "utf8" });
  return `${name} ${stdout.replace(/^\d+:/, "").replace(/[-+][^-]*$/, "")}`;
}

for (const { names, program } of ofDebian) {
  const skip = missing(program);
  test(`${Object.keys(names).join(" and ")}, of Debian`, { skip }, async () => {
    const verdicts = await runProgram<Verdicts>(program.run, given);
    assert.deepEqual(Object.keys(verdicts), Object.keys(names));
    for (const [name, origin] of Object.entries(names)) judge(name, debianVersion(origin), verdicts);
  });
}

test("docs/reference/interop.md says what they did", () => holdTable(table, rows, isWhole));
