// `npm run size`: what an import of each client weighs in a browser bundle. Builds Pawl, installs what stands beside it
// (bench/clients), bundles each with the same bundler and settings, prints the table and writes
// results/client-size.json. `--docs` also writes the table into docs/reference/client.md, between its markers.

import { spawnSync } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { installPackages } from "../tools/install-packages.ts";
import { measureBundle } from "../tools/measure-bundle.ts";
import { columns } from "./report.ts";

/** One line of the table. */
interface Row {
  readonly name: string;
  readonly version: string;
  /** The import that was bundled. */
  readonly entry: string;
  readonly bytes: number;
  readonly gzipBytes: number;
}

/** Everything one run measured. */
interface Results {
  readonly date: string;
  readonly command: string;
  readonly node: string;
  readonly bundler: string;
  readonly rows: readonly Row[];
}

const root = join(import.meta.dirname, "..");
const clientsFolder = join(import.meta.dirname, "clients");
const document = join(root, "docs/reference/client.md");
const begin = "<!-- client-size:begin -->";
const end = "<!-- client-size:end -->";

const ownEntries: readonly (readonly [string, string])[] = [
  ["pawl/client", 'export { createClient } from "pawl/client";'],
  [
    "pawl/client and pawl/react",
    'export { createClient } from "pawl/client"; export { SessionProvider, useDevices, useSession } from "pawl/react";',
  ],
];

// The one thing that an application imports to sign people in and keep them signed in, as the README of each says.
const peerEntries: readonly (readonly [string, string])[] = [
  ["supertokens-website", 'export { default } from "supertokens-website";'],
  ["@auth0/auth0-spa-js", 'export { createAuth0Client } from "@auth0/auth0-spa-js";'],
  ["oidc-client-ts", 'export { UserManager } from "oidc-client-ts";'],
  ["@supabase/auth-js", 'export { AuthClient } from "@supabase/auth-js";'],
  ["better-auth", 'export { createAuthClient } from "better-auth/client";'],
];

function build(): void {
  const { status } = spawnSync(process.execPath, ["tools/build.mjs"], { cwd: root, stdio: "inherit" });
  if (status !== 0) throw new Error("the build failed");
}

function versionIn(folder: string): string {
  return (JSON.parse(readFileSync(join(folder, "package.json"), "utf8")) as { version: string }).version;
}

async function measure(name: string, version: string, entry: string, folder: string): Promise<Row> {
  const { bytes, gzipBytes } = await measureBundle({ text: entry, folder, external: ["react"] });
  return { name, version, entry, bytes, gzipBytes };
}

const figure = (bytes: number): string => bytes.toLocaleString("en-US");

function textOf(rows: readonly Row[]): string {
  const cells = rows.map(({ name, version, bytes, gzipBytes }) => [name, version, figure(bytes), figure(gzipBytes)]);
  return columns(["import", "version", "minified, bytes", "gzip -9, bytes"], cells, 2);
}

function markdownOf({ rows, bundler, date }: Results): string {
  const lines = rows.map(
    ({ name, version, bytes, gzipBytes }) => `| ${name} | ${version} | ${figure(bytes)} | ${figure(gzipBytes)} |`,
  );
  return [
    "| import | version | minified, bytes | gzip -9, bytes |",
    "| --- | --- | ---: | ---: |",
    ...lines,
    "",
    `Bundled for browsers with rolldown ${bundler}, everything unused left out, React not counted; ${date.slice(0, 10)},`,
    "`npm run size`. The others do more than keep a session (sign-in with redirects, plugins, e-mail links), and some",
    "of that cannot be left out of a bundle.",
  ].join("\n");
}

/** Puts the table between the markers. */
function writeDocument(results: Results): void {
  const page = readFileSync(document, "utf8");
  const [before, rest] = page.split(begin);
  const after = rest?.split(end)[1];
  if (after === undefined) throw new Error(`${document} has no ${begin} … ${end}`);
  writeFileSync(document, `${before}${begin}\n\n${markdownOf(results)}\n\n${end}${after}`);
}

async function main(): Promise<void> {
  const { values } = parseArgs({ options: { docs: { type: "boolean", default: false } } });
  const versions = installPackages(clientsFolder, (progress) => process.stderr.write(`${progress}\n`));
  build();
  const rows: Row[] = [];
  for (const [name, entry] of ownEntries) rows.push(await measure(name, versionIn(root), entry, root));
  for (const [name, entry] of peerEntries) {
    rows.push(await measure(name, versions[name] as string, entry, clientsFolder));
  }
  const results: Results = {
    date: new Date().toISOString(),
    command: ["node bench/client-size.ts", ...process.argv.slice(2)].join(" "),
    node: process.versions.node,
    bundler: versionIn(join(root, "node_modules/rolldown")),
    rows,
  };
  process.stdout.write(`${textOf(rows)}\n\nrolldown ${results.bundler}, minified, for browsers; React not counted\n`);
  mkdirSync(join(import.meta.dirname, "results"), { recursive: true });
  writeFileSync(join(import.meta.dirname, "results", "client-size.json"), `${JSON.stringify(results, null, 2)}\n`);
  if (values.docs) writeDocument(results);
}

try {
  await main();
} catch (error) {
  process.stderr.write(`size: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
}
