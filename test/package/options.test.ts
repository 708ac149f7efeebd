// Options that are given as `undefined`, as what an author reads from the environment often is, are as if they were not given:
// for the compiler (exactOptionalPropertyTypes) and when the program runs. The types below make every list complete.

import assert from "node:assert/strict";
import { test } from "node:test";
import { type ServeOptions, serveNode } from "../../src/adapters/node.ts";
import { type ClientOptions, createClient } from "../../src/client/index.ts";
import { createPolicy, type PolicyOptions } from "../../src/core/policy.ts";
import { createSessions } from "../../src/engine/create-sessions.ts";
import type { IssueInput, PresentInput, Sessions, SessionsOptions } from "../../src/engine/types.ts";
import { createHandler, type HandlerOptions } from "../../src/http/handler.ts";
import { memoryStore } from "../../src/stores/memory.ts";
import { createVerifier, type RevocationOptions, type VerifierOptions } from "../../src/verifier/index.ts";

type OptionalName<Options> = {
  [Name in keyof Options]-?: object extends Pick<Options, Name> ? Name : never;
}[keyof Options];
/** Every option that may be left out, and the value that says nothing. */
type Nothing<Options> = { readonly [Name in OptionalName<Options>]: undefined };

const policy: Nothing<PolicyOptions> = {
  accessTtlSeconds: undefined,
  idleTtlSeconds: undefined,
  sessionTtlSeconds: undefined,
  rotation: undefined,
  graceSeconds: undefined,
  sessionsMax: undefined,
};

const sessionsOptions: Nothing<SessionsOptions> = {
  ...policy,
  issuer: undefined,
  audience: undefined,
  algorithm: undefined,
  keyRotationSeconds: undefined,
  secret: undefined,
  platform: undefined,
  claims: undefined,
};
const issueInput: Nothing<IssueInput> = {
  userAgent: undefined,
  ip: undefined,
  transport: undefined,
  amr: undefined,
  label: undefined,
  clientId: undefined,
  authTime: undefined,
  acr: undefined,
  delegation: undefined,
};
const presentInput: Nothing<PresentInput> = {
  userAgent: undefined,
  ip: undefined,
  attempt: undefined,
  deadlineAt: undefined,
  client: undefined,
};
const handlerOptions: Nothing<HandlerOptions> = {
  accounts: undefined,
  clients: undefined,
  origins: undefined,
  registration: undefined,
  feedToken: undefined,
  feedListenersMax: undefined,
  trustProxy: undefined,
  rateLimits: undefined,
  extraEndpoints: undefined,
  extraRoutes: undefined,
  log: undefined,
};
const serveOptions: Nothing<ServeOptions> = { host: undefined, port: undefined, connectionsMax: undefined };
const revocations: Nothing<RevocationOptions> = {
  url: undefined,
  token: undefined,
  mode: undefined,
  pollSeconds: undefined,
};
const verifierOptions: Nothing<VerifierOptions> = {
  keys: undefined,
  algorithms: undefined,
  revocations: undefined,
  onStale: undefined,
  staleAfterSeconds: undefined,
  leewaySeconds: undefined,
  cacheMax: undefined,
  fetch: undefined,
  onError: undefined,
  now: undefined,
};
const clientOptions: Nothing<ClientOptions> = {
  baseUrl: undefined,
  allowedOrigins: undefined,
  timeoutSeconds: undefined,
  onSignedOut: undefined,
  fetch: undefined,
  credentials: undefined,
  storage: undefined,
};

test("an issuer whose options are all undefined is one with the defaults", async () => {
  assert.deepEqual(createPolicy(policy), createPolicy());
  const sessions = await createSessions({ ...sessionsOptions, store: memoryStore() });
  const issued = await sessions.issue({ ...issueInput, subject: "ada" });
  const refreshed = await sessions.refresh({ ...presentInput, refreshToken: issued.refreshToken as string });
  assert.equal(refreshed.outcome, "rotated");
  const { userAgent, ip, label, clientId, acr } = refreshed.record;
  assert.deepEqual([userAgent, ip, label, clientId, acr], ["", "", "", "first-party", undefined]);
  await sessions.close();
});

test("a server and a verifier whose options are all undefined work together", async (t) => {
  const made: Sessions[] = [];
  const serving = await serveNode(
    async (port) => {
      const issuer = `http://localhost:${port}`;
      const sessions = await createSessions({ ...sessionsOptions, store: memoryStore(), issuer });
      made.push(sessions);
      return createHandler({ ...handlerOptions, sessions });
    },
    { ...serveOptions },
  );
  t.after(() => serving.close());
  const [sessions] = made as [Sessions];
  const { issuer } = sessions;
  const verifier = createVerifier({ ...verifierOptions, revocations, issuer, audience: issuer });
  t.after(() => verifier.close());
  const { accessToken } = await sessions.issue({ ...issueInput, subject: "ada" });
  assert.equal((await verifier.verify(accessToken)).sub, "ada");
});

test("a client in a page whose options are all undefined has the defaults", () => {
  assert.equal(
    createClient({ ...clientOptions, baseUrl: "http://localhost:4000" }).session.getSnapshot().status,
    "unknown",
  );
});
