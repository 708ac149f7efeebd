// The program in README.md, taken out of the page and run: in a folder where `pawl` can be imported, on a free port, and
// used as a browser uses it. Shared by the test of the page and the test of the packed package.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync, writeFileSync } from "node:fs";
import type { AddressInfo } from "node:net";
import { createServer } from "node:net";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";

const page: string = join(import.meta.dirname, "../../README.md");
const startMillisecondsMax = 10_000;
const pollMilliseconds = 25;

/** The one JavaScript block of README.md. */
export function readmeProgram(): string {
  const blocks = [...readFileSync(page, "utf8").matchAll(/^```js\n([\s\S]*?)^```$/gm)].map((match) => match[1]);
  assert.equal(blocks.length, 1, "README.md has one block of JavaScript");
  return blocks[0] as string;
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "localhost");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  return port;
}

/** Runs the program in `folder` under the Node.js at `node`, and uses it. */
export async function runReadmeProgram(folder: string, node: string): Promise<void> {
  const port = await freePort();
  const program = readmeProgram();
  assert.equal(program.split("3000").length, 3, "the port stands in the issuer and in listen()");
  writeFileSync(join(folder, "app.mjs"), program.replaceAll("3000", String(port)));
  const child = spawn(node, ["app.mjs"], { cwd: folder, stdio: ["ignore", "pipe", "pipe"] });
  const exited = once(child, "exit");
  let output = "";
  const collect = (text: string): void => {
    output += text;
  };
  child.stdout.setEncoding("utf8").on("data", collect);
  child.stderr.setEncoding("utf8").on("data", collect);
  try {
    await useProgram(`http://localhost:${port}`, () => {
      assert.equal(child.exitCode, null, `the program ended: ${output}`);
    });
    assert.equal(output, "", "the program prints nothing, warnings of Node.js included");
  } finally {
    child.kill("SIGTERM");
    await exited;
  }
}

async function firstAnswer(origin: string, body: string, assertAlive: () => void): Promise<Response> {
  for (let waited = 0; waited < startMillisecondsMax; waited += pollMilliseconds) {
    assertAlive();
    try {
      return await fetch(`${origin}/auth/login`, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body,
      });
    } catch {
      await wait(pollMilliseconds);
    }
  }
  throw new Error(`nothing answers at ${origin}`);
}

function cookieOf(response: Response): string {
  const [cookie = ""] = response.headers.getSetCookie();
  return cookie.split(";")[0] as string;
}

/** Signs in, refreshes, asks who it is, signs out, and finds the session over. */
async function useProgram(origin: string, assertAlive: () => void): Promise<void> {
  const login = await firstAnswer(origin, JSON.stringify({ email: "ada@example.com" }), assertAlive);
  assert.equal(login.status, 200);
  const first = cookieOf(login);
  assert.match(first, /^pawl-dev-\d+=pawl_rt_/);
  const post = (path: string, cookie: string): Promise<Response> =>
    fetch(origin + path, { method: "POST", headers: { cookie, "x-pawl": "1" } });

  const refresh = await post("/auth/refresh", first);
  assert.equal(refresh.status, 200);
  const second = cookieOf(refresh);
  assert.notEqual(second, first);
  const { access_token: accessToken, user } = (await refresh.json()) as Record<string, unknown>;
  assert.deepEqual(user, { id: "42", email: null, name: null });

  const ask = (): Promise<Response> =>
    fetch(`${origin}/auth/session`, { headers: { authorization: `Bearer ${accessToken}` } });
  assert.equal((await ask()).status, 200);
  assert.equal((await post("/auth/logout", second)).status, 204);
  assert.equal((await ask()).status, 401);
  assert.equal((await post("/auth/refresh", second)).status, 401);
}
