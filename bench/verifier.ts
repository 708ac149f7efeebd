// What a check of an access token costs, beside other libraries: the same ES256 token again and again (their caches on), and
// tokens that are new each time. `npm run bench:verifier`; --write stores results/verifier.json and the table in
// docs/reference/verifier.md. Contestants take turns in every round; owns the measuring.

import { generateKeyPairSync } from "node:crypto";
import { writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { blockNamed, replaceBlock, tableFrom } from "../sim/torture/page.ts";
import type { AccessClaims } from "../src/core/access-claims.ts";
import { issueAccessToken } from "../src/core/access-token.ts";
import { createSigningKey } from "../src/core/signature.ts";
import { installInterop, interopFolder } from "../tools/interop/install.ts";
import { type Machine, readMachine } from "./machine.ts";
import { type Spread, spreadOf } from "./statistics.ts";

const rounds = 9;
const sliceMilliseconds = 300;
/** Enough that no round sees one twice. */
const tokensMade = 20_000;

export const verifierResultsPath: string = join(import.meta.dirname, "results/verifier.json");
export const verifierPagePath: string = join(import.meta.dirname, "../docs/reference/verifier.md");
export const verifierBlockName = "speed";

/** One line: checks a second on one core, and the ratio to Pawl in the same rounds. */
export interface VerifierRow {
  readonly what: string;
  readonly title: string;
  readonly perSecond: Spread;
  readonly ofPawl: Spread;
}

/** All, with what a figure cannot do without. */
export interface VerifierResults {
  readonly machine: Machine;
  readonly date: string;
  readonly versions: Readonly<Record<string, string>>;
  readonly rows: readonly VerifierRow[];
}

type Check = (token: string) => unknown;

async function rateOf(check: Check, tokens: readonly string[]): Promise<number> {
  const from = performance.now();
  let done = 0;
  while (performance.now() - from < sliceMilliseconds) {
    await check(tokens[done % tokens.length] as string);
    done += 1;
  }
  return (done * 1000) / (performance.now() - from);
}

async function measure(
  what: string,
  checks: Readonly<Record<string, Check>>,
  tokens: () => readonly string[],
): Promise<VerifierRow[]> {
  const titles = Object.keys(checks);
  const rates = new Map(titles.map((title): [string, number[]] => [title, []]));
  for (let round = 0; round < rounds; round += 1) {
    for (let turn = 0; turn < titles.length; turn += 1) {
      const title = titles[(round + turn) % titles.length] as string;
      rates.get(title)?.push(await rateOf(checks[title] as Check, tokens()));
    }
  }
  const ours = rates.get(titles[0] as string) as number[];
  return titles.map((title) => {
    const own = rates.get(title) as number[];
    return {
      what,
      title,
      perSecond: spreadOf(own),
      ofPawl: spreadOf(own.map((rate, round) => rate / (ours[round] as number))),
    };
  });
}

/** What the page shows of the results. */
export function verifierBlockOf({ machine, date, versions, rows }: VerifierResults): string {
  const lines = rows.map(({ what, title, perSecond, ofPawl }) => [
    what,
    title,
    Math.round(perSecond.median).toLocaleString("en"),
    `${ofPawl.median.toFixed(2)} (${ofPawl.min.toFixed(2)} to ${ofPawl.max.toFixed(2)})`,
  ]);
  const named = Object.entries(versions).map(([name, version]) => `${name} ${version}`);
  const circumstances = [
    `One process, one check after the other. ${machine.cpu}, Node.js ${machine.node}, ${named.join(", ")}; ${date.slice(0, 10)};`,
    "`npm run bench:verifier -- --write`.",
  ].join("\n");
  return blockNamed(verifierBlockName, [
    tableFrom(["token", "", "checks a second", "of Pawl's"], lines, 2),
    circumstances,
  ]);
}

/** The part of jose that is measured. */
interface Jose {
  createLocalJWKSet(set: object): unknown;
  jwtVerify(token: string, keys: unknown, options: object): Promise<unknown>;
}

/** The part of fast-jwt that is measured. */
interface FastJwt {
  createVerifier(options: object): Check;
}

async function main(): Promise<void> {
  const installed = installInterop();
  const require = createRequire(join(interopFolder, "package.json"));
  const jose = (await import(pathToFileURL(require.resolve("jose")).href)) as Jose;
  const { createVerifier: createFastVerifier } = require("fast-jwt") as FastJwt;
  const { createVerifier } = await import("../src/verifier/index.ts");
  const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const key = createSigningKey(privateKey.export({ type: "pkcs8", format: "der" }));
  const issuer = "https://auth.example.com";
  const audience = "https://api.example.com";
  const seconds = Math.floor(Date.now() / 1000);
  const claims = {
    iss: issuer,
    sub: "user-42",
    aud: audience,
    client_id: "first-party",
    exp: seconds + 3_600,
    iat: seconds,
  };
  const more = { sid: "AaIcGjVJqRfmVBSKo8uAvQ", auth_time: seconds, amr: ["pwd"], scope: "orders:read" };
  const tokenOf = (jti: string): string => issueAccessToken({ ...claims, ...more, jti } as AccessClaims, key);
  const many = Array.from({ length: tokensMade }, (_, index) => tokenOf(`t${index}`));
  let at = 0;
  const next = (): readonly string[] => {
    at = (at + 3_000) % tokensMade;
    return [...many.slice(at), ...many.slice(0, at)];
  };
  const set = { keys: [{ ...key.jwk }] };
  const options = { issuer, audience, keys: set, revocations: false } as const;
  const pem = publicKey.export({ type: "spki", format: "pem" });
  const joseKeys = jose.createLocalJWKSet(set);
  const joseCheck: Check = (token) => jose.jwtVerify(token, joseKeys, { issuer, audience, typ: "at+jwt" });
  const fast = (cache: boolean): Check =>
    createFastVerifier({
      key: pem,
      algorithms: ["ES256"],
      allowedIss: issuer,
      allowedAud: audience,
      checkTyp: "at+jwt",
      cache,
    });
  const cached = createVerifier(options);
  const bare = createVerifier({ ...options, cacheMax: 0 });
  const rows = [
    ...(await measure(
      "the same again",
      { "`pawl/verifier`": (token) => cached.verify(token), "fast-jwt, its cache on": fast(true), jose: joseCheck },
      () => many.slice(0, 100),
    )),
    ...(await measure(
      "a new one each time",
      { "`pawl/verifier`": (token) => bare.verify(token), "fast-jwt": fast(false), jose: joseCheck },
      next,
    )),
  ];
  const versions = { jose: installed.jose as string, "fast-jwt": installed["fast-jwt"] as string };
  const results: VerifierResults = { machine: readMachine(), date: new Date().toISOString(), versions, rows };
  process.stdout.write(`${verifierBlockOf(results)}\n`);
  if (!process.argv.includes("--write")) return;
  writeFileSync(verifierResultsPath, `${JSON.stringify(results, null, 2)}\n`);
  replaceBlock(verifierPagePath, verifierBlockName, verifierBlockOf(results));
}

if (import.meta.main) await main();
