// Three nodes behind HAProxy on free ports of this machine; kills one after the other with kill -9, starts it again, and
// tells what somebody who is signed in noticed. Ends with 0 if that was nothing. See README.md.

import { spawn, spawnSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { createClient } from "pawl/client";
import { storedCredentials } from "pawl/client/stored";

if (spawnSync("haproxy", ["-v"]).error) {
  console.error("HAProxy is not installed: apt-get install haproxy");
  process.exit(1);
}

const names = ["one", "two", "three"];
const patienceMilliseconds = 30_000;
const folder = mkdtempSync(join(tmpdir(), "pawl-fleet-"));
const store = process.env.PAWL_STORE ?? `sqlite:${join(folder, "fleet.db")}`;
const secret = process.env.PAWL_SECRET ?? randomBytes(32).toString("base64url");
const pawl = fileURLToPath(new URL("../cli/main.js", import.meta.resolve("pawl/client")));
const running = new Set();
process.on("exit", () => {
  for (const child of running) child.kill("SIGKILL");
  rmSync(folder, { recursive: true, force: true });
});

/** A port that is free now. */
async function freePort() {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address();
  server.close();
  return port;
}

function start(command, words, environment) {
  const env = { PATH: process.env.PATH, ...environment };
  const child = spawn(command, words, { env, stdio: ["ignore", "pipe", "inherit"] });
  running.add(child);
  child.once("exit", () => running.delete(child));
  return child;
}

const [door, ...ports] = await Promise.all([0, 1, 2, 3].map(freePort));
const issuer = `http://localhost:${door}`;

/** Starts a node and waits for its ready line. */
async function startNode(index) {
  const environment = { PAWL_STORE: store, PAWL_SECRET: secret, PAWL_ISSUER: issuer, PAWL_TRUST_PROXY: "127.0.0.1" };
  const address = ["--host", "127.0.0.1", "--port", String(ports[index])];
  // The client here refreshes far more often than a person does.
  const child = start(
    process.execPath,
    [pawl, "serve", ...address, "--rate-limit", "off", "--log", "error"],
    environment,
  );
  await Promise.race([
    once(child.stdout, "data"),
    once(child, "exit").then(() => Promise.reject(new Error("a node did not start"))),
  ]);
  return child;
}

const nodes = [];
for (const index of names.keys()) nodes.push(await startNode(index));
const addresses = Object.fromEntries(ports.map((port, index) => [`FLEET_NODE_${index + 1}`, `127.0.0.1:${port}`]));
const config = fileURLToPath(new URL("haproxy.cfg", import.meta.url));
// HAProxy has no ready line: it is ready when it answers.
start("haproxy", ["-q", "-db", "-f", config], { FLEET_ADDRESS: `127.0.0.1:${door}`, ...addresses });
async function until(what, isTrue) {
  for (const end = Date.now() + patienceMilliseconds; !(await isTrue()); await wait(50)) {
    if (Date.now() > end) throw new Error(`waited in vain for ${what}`);
  }
}
await until("HAProxy", () =>
  fetch(`${issuer}/readyz`).then(
    (answer) => answer.ok,
    () => false,
  ),
);
console.log(`three nodes (${store.split(":")[0]}) behind ${issuer}`);

const counts = { refreshes: 0, retries: 0, answers: {} };
/** What goes over the wire, counted; nothing is changed. */
async function counted(input, init) {
  try {
    const answer = await fetch(input, init);
    const node = answer.headers.get("x-node") ?? "the proxy";
    counts.answers[node] = (counts.answers[node] ?? 0) + 1;
    return answer;
  } catch (error) {
    counts.retries += 1;
    throw error;
  }
}
const client = createClient({ baseUrl: issuer, credentials: storedCredentials(), fetch: counted });
const user = { email: `ann-${randomBytes(4).toString("hex")}@example.com`, password: "four unlikely words together" };
await client.signUp(user);

/** Refreshes and asks for the session, as a busy person does, until told to stop. */
let isBusy = true;
const busy = (async () => {
  while (isBusy) {
    const isDone = await client.refresh().then(
      () => true,
      () => false,
    );
    counts[isDone ? "refreshes" : "retries"] += 1;
    if (client.session.getSnapshot().status === "signed-out") return;
    await wait(60);
  }
})();

for (const [index, name] of names.entries()) {
  await wait(700);
  nodes[index].kill("SIGKILL");
  const before = counts.refreshes;
  console.log(`kill -9 of ${name}`);
  await until("a refresh", () => counts.refreshes > before + 3 || client.session.getSnapshot().status === "signed-out");
  nodes[index] = await startNode(index);
}
await until("the last node", async () => (await fetch(`${issuer}/readyz`)).headers.get("x-node") === "three");
isBusy = false;
await busy;

const { status } = client.session.getSnapshot();
console.log(
  `answers: ${Object.entries(counts.answers)
    .map(([node, count]) => `${node} ${count}`)
    .join(", ")}`,
);
console.log(`refreshes: ${counts.refreshes}, failed and repeated: ${counts.retries}, then: ${status}`);
process.exit(status === "signed-in" ? 0 : 1);
