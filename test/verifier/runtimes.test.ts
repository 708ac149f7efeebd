// The built verifier under every runtime: Node.js 24 and 22, Bun, Deno and workerd, each with the same checks on real tokens of a
// real server: a good one, a changed one, one that was signed out, one for somebody else; and the vectors of others.

import assert from "node:assert/strict";
import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { cpSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { after, before, describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { pathToFileURL } from "node:url";
import { promisify } from "node:util";
import { freePort } from "../../sim/free-port.ts";
import { installRuntimes, runtimes, runtimesMissing } from "../../tools/runtimes/install.ts";
import { call, type Program, startProgram, temporaryFolder } from "../end-to-end/program.ts";
import { casesOf, vectorFile, wanted as wantedOf } from "./wycheproof.ts";

const run = promisify(execFile);
const dist = join(import.meta.dirname, "../../dist");
const program = join(import.meta.dirname, "runtime-program.mjs");
const millisecondsMax = 60_000;
const feedToken = "feed-token-of-this-test-0123456789abcdef";

const wanted = {
  good: "good",
  again: "good",
  changed: "invalid_token",
  signedOut: "invalid_token",
  otherAudience: "invalid_token",
  admitted: "good",
  refused: "401 true",
  jws: "good",
};

const suites = ["json_web_signature_test", "json_web_key_test"] as const;

/** Every honest vector was accepted, and no other. */
function assertVectors(accepted: Readonly<Record<string, readonly unknown[]>>): void {
  for (const suite of suites) {
    const judged = casesOf(suite).filter((each) => wantedOf(suite, each) !== undefined);
    const numbers = new Set(judged.map(({ tcId }) => tcId));
    const strange = accepted[suite]?.filter((each) => typeof each !== "number" || numbers.has(each));
    const valid = judged.filter((each) => wantedOf(suite, each) === "valid").map(({ tcId }) => tcId);
    assert.deepEqual(strange, valid, suite);
  }
}

interface Runtime {
  readonly name: string;
  readonly command: string;
  /** Before the program. */
  readonly words: readonly string[];
  readonly isForeign: boolean;
}

const denoWords = ["run", "--no-config", "--no-remote", "--no-prompt", "--allow-net=localhost"];
const all: readonly Runtime[] = [
  { name: "Node.js 24", command: process.execPath, words: [], isForeign: false },
  { name: "Node.js 22", command: runtimes.node22, words: [], isForeign: true },
  { name: "Bun", command: runtimes.bun, words: ["run"], isForeign: true },
  {
    name: "Deno",
    command: runtimes.deno,
    words: [...denoWords, `--allow-read=${dist},${import.meta.dirname},${join(import.meta.dirname, "../vectors")}`],
    isForeign: true,
  },
];

/** What the checks get, of a server that runs. */
async function scene(server: Program): Promise<Record<string, string>> {
  const enter = async (name: string): Promise<Record<string, unknown>> => {
    const person = { email: `${name}@example.com`, password: "four unlikely words together", transport: "body" };
    return (await call(server.origin, "/auth/register", person)).json;
  };
  const ann = await enter("ann");
  const bob = await enter("bob");
  await call(server.origin, "/auth/logout", { refresh_token: bob.refresh_token });
  const tokens = { good: String(ann.access_token), signedOut: String(bob.access_token) };
  return { issuer: server.origin, audience: server.origin, feedToken, ...tokens };
}

/** The configuration of a Worker: its program, and these files as modules. */
function workerConfig(port: number, files: readonly string[]): string {
  const modules = files.map((file) => `(name = "${file}", esModule = embed "${file}")`);
  return `using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [
    (name = "main", worker = (
      modules = [
        ${modules.join(",\n        ")}
      ],
      compatibilityDate = "2026-01-01",
      globalOutbound = "loopback"
    )),
    (name = "loopback", network = (allow = ["private", "local"]))
  ],
  sockets = [(name = "http", address = "127.0.0.1:${port}", http = (), service = "main")]
);
`;
}

const workerProgram = `import { acceptedVectors, check } from "./runtime-checks.mjs";
import * as pawl from "./verifier/index.js";
export default {
  async fetch(request) {
    const asked = request.url.endsWith("/vectors") ? acceptedVectors : check;
    return Response.json(await asked(pawl, await request.json()));
  },
};
`;

/** Starts a Worker; resolves its address. */
async function startWorker(t: TestContext): Promise<string> {
  const folder = temporaryFolder();
  t.after(() => folder.remove());
  const port = await freePort();
  const copied = ["verifier", "core"].flatMap((name) => {
    cpSync(join(dist, name), join(folder.path, name), { recursive: true });
    return readdirSync(join(dist, name)).map((file) => `${name}/${file}`);
  });
  cpSync(join(import.meta.dirname, "runtime-checks.mjs"), join(folder.path, "runtime-checks.mjs"));
  writeFileSync(join(folder.path, "worker.mjs"), workerProgram);
  const modules = ["worker.mjs", "runtime-checks.mjs", ...copied.filter((file) => file.endsWith(".js"))];
  writeFileSync(join(folder.path, "config.capnp"), workerConfig(port, modules));
  const child = spawn(runtimes.workerd, ["serve", "config.capnp"], {
    cwd: folder.path,
    stdio: ["ignore", "pipe", "pipe"],
  });
  let printed = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding("utf8").on("data", (text: string) => {
      printed += text;
    });
  }
  t.after(async () => {
    if (child.exitCode !== null) return;
    child.kill("SIGKILL");
    await once(child, "exit");
  });
  const end = Date.now() + millisecondsMax;
  while (Date.now() < end) {
    assert.equal(child.exitCode, null, printed);
    const isThere = await fetch(`http://127.0.0.1:${port}`).then(
      () => true,
      () => false,
    );
    if (isThere) return `http://127.0.0.1:${port}`;
    await sleep(50);
  }
  throw new Error(`workerd did not start: ${printed}`);
}

describe("the verifier in every runtime", () => {
  let server: Program;
  let options: Record<string, string>;
  const folder = temporaryFolder();
  before(async () => {
    const environment = { PAWL_LOG: "error", PAWL_FEED_TOKEN: feedToken, PAWL_RATE_LIMIT: "off" };
    server = await startProgram(folder.path, { environment });
    options = await scene(server);
    if (runtimesMissing === false) installRuntimes();
  });
  after(async () => {
    await server?.stop();
    folder.remove();
  });

  for (const { name, command, words, isForeign } of all) {
    test(name, { skip: isForeign && runtimesMissing }, async (t) => {
      const { stdout: version } = await run(command, ["--version"]);
      t.diagnostic(version.split("\n")[0] as string);
      const home = temporaryFolder();
      t.after(() => home.remove());
      const verifier = pathToFileURL(join(dist, "verifier/index.js")).href;
      const argv = [...words, program, verifier, JSON.stringify({ ...options, mode: "stream" })];
      const { stdout } = await run(command, argv, {
        cwd: home.path,
        env: { HOME: home.path, DENO_DIR: home.path, DENO_NO_UPDATE_CHECK: "1", DO_NOT_TRACK: "1" },
        timeout: millisecondsMax,
      });
      const { checked, accepted } = JSON.parse(stdout);
      assert.deepEqual(checked, wanted);
      assertVectors(accepted);
    });
  }

  test("workerd", { skip: runtimesMissing }, async (t) => {
    const { stdout: version } = await run(runtimes.workerd, ["--version"]);
    t.diagnostic(version.trim());
    const origin = await startWorker(t);
    for (let round = 0; round < 2; round += 1) {
      // Nothing is kept open between requests there.
      const answer = await fetch(origin, { method: "POST", body: JSON.stringify({ ...options, mode: "poll" }) });
      assert.deepEqual(JSON.parse(await answer.text()), wanted);
    }
    const vectors = await fetch(`${origin}/vectors`, { method: "POST", body: readFileSync(vectorFile) });
    assertVectors(JSON.parse(await vectors.text()));
  });
});
