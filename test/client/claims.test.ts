// Claims of the application that change while somebody is signed in: the client's next request refreshes and goes through with the
// new ones, at Pawl's own routes and at an API with a verifier; nobody is signed out.

import assert from "node:assert/strict";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { serveNode } from "../../src/adapters/node.ts";
import { createClient } from "../../src/client/index.ts";
import { storedCredentials } from "../../src/client/stored.ts";
import { createSessions } from "../../src/engine/create-sessions.ts";
import type { Sessions } from "../../src/engine/types.ts";
import { createHandler } from "../../src/http/handler.ts";
import { createAccounts } from "../../src/server/accounts/accounts.ts";
import { memoryStore } from "../../src/stores/memory.ts";
import { createVerifier, nodeGuards } from "../../src/verifier/index.ts";
import { storage } from "./cookie-jar.ts";

test("a role that is given is there with the next request; nobody is signed out", async (t) => {
  let role = "reader";
  let sessions: Sessions | undefined;
  const serving = await serveNode(async (port) => {
    const store = memoryStore();
    const issuer = `http://localhost:${port}`;
    sessions = await createSessions({ store, issuer, claims: () => ({ role }) });
    const accounts = createAccounts({ store, platform: sessions.platform, registration: "open" });
    return createHandler({ sessions, accounts, feedToken: "feed" });
  });
  const origin = `http://localhost:${serving.port}`;
  const verifier = createVerifier({ issuer: origin, audience: origin, revocations: { token: "feed" } });
  const guard = nodeGuards(verifier).requireSession();
  const api = createServer(async (request, response) => {
    const access = await guard(request, response);
    if (access !== undefined) response.end(JSON.stringify({ role: access.role, iat: access.iat }));
  });
  await new Promise<void>((resolve) => api.listen(0, "127.0.0.1", resolve));
  t.after(async () => {
    verifier.close();
    api.closeAllConnections();
    api.close();
    await sessions?.close();
    await serving.close();
  });
  const apiOrigin = `http://127.0.0.1:${(api.address() as AddressInfo).port}`;
  const farewells: string[] = [];
  const client = createClient({
    baseUrl: origin,
    allowedOrigins: [apiOrigin],
    credentials: storedCredentials(storage()),
    onSignedOut: (reason) => farewells.push(reason),
  });
  await client.signUp({ email: "ann@example.com", password: "four unlikely words together" });
  const roleAt = async (url: string): Promise<unknown> =>
    ((await (await client.fetch(url)).json()) as { role: unknown }).role;
  assert.equal(await roleAt(apiOrigin), "reader");
  const { user } = (await (await client.fetch(`${origin}/auth/session`)).json()) as { user: { id: string } };
  role = "editor";
  await sessions?.bumpClaims(user.id);
  // The verifier learns of it within a second; the client then gets a 401, refreshes and asks again, all in one call.
  const end = performance.now() + 1_000;
  while ((await roleAt(apiOrigin)) === "reader" && performance.now() < end) await sleep(5);
  assert.equal(await roleAt(apiOrigin), "editor");
  assert.equal((await client.fetch(`${origin}/auth/session`)).status, 200);
  assert.deepEqual(farewells, []);
  assert.equal(client.session.getSnapshot().status, "signed-in");
});
