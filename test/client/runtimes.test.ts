// The built client without a browser: the same program under Node.js 22 and 24, Bun and Deno against the real server,
// with the refresh token in a storage (`pawl/client/stored`).

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { pathToFileURL } from "node:url";
import { promisify } from "node:util";
import { installRuntimes, runtimes, runtimesMissing } from "../../tools/runtimes/install.ts";
import { type Server, serve, temporaryFolder } from "../server/program.ts";

const run = promisify(execFile);
const program = join(import.meta.dirname, "runtime-program.mjs");
const clientFolder = join(import.meta.dirname, "../../dist/client");
const millisecondsMax = 60_000;

interface Runtime {
  readonly name: string;
  readonly command: string;
  /** Before the program. */
  readonly words: readonly string[];
  readonly isForeign: boolean;
}

const all: readonly Runtime[] = [
  { name: "Node.js 24", command: process.execPath, words: [], isForeign: false },
  { name: "Node.js 22", command: runtimes.node22, words: [], isForeign: true },
  { name: "Bun", command: runtimes.bun, words: ["run"], isForeign: true },
  {
    name: "Deno",
    command: runtimes.deno,
    words: [
      "run",
      "--no-config",
      "--no-remote",
      "--no-prompt",
      "--allow-net=localhost",
      `--allow-read=${clientFolder}`,
    ],
    isForeign: true,
  },
];

describe("the client without a browser", () => {
  let server: Server;
  before(async () => {
    server = await serve(["--store", "memory:", "--rate-limit", "off"]);
    if (runtimesMissing === false) installRuntimes();
  });
  after(() => server?.stop());

  for (const { name, command, words, isForeign } of all) {
    test(`keeps a person signed in under ${name}`, { skip: isForeign && runtimesMissing }, async (t) => {
      const { stdout: version } = await run(command, ["--version"]);
      t.diagnostic(version.split("\n")[0] as string);
      const email = `${name.toLowerCase().replaceAll(/\W/g, "-")}@example.com`;
      const home = temporaryFolder();
      const argv = [...words, program, server.origin, pathToFileURL(clientFolder).href, email];
      const { stdout } = await run(command, argv, {
        cwd: home,
        env: { HOME: home, DENO_DIR: home, DENO_NO_UPDATE_CHECK: "1", DO_NOT_TRACK: "1" },
        timeout: millisecondsMax,
      });
      assert.deepEqual(JSON.parse(stdout), {
        signedUp: email,
        refreshed: true,
        isNew: true,
        beforeRestart: "unknown",
        restarted: email,
        devices: [true],
        told: true,
        afterwards: false,
        status: "signed-out",
        reason: "signed_out",
        kept: 0,
      });
    });
  }
});
