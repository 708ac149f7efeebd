// Walks one OAuth library through everything that Pawl's OAuth endpoints offer, and prints what came of each step. Owns the
// steps; a library is a module beside this file, which says with `undefined` what it cannot do.
// In: {library, issuer, audience, method, client, api, refreshToken, scope}; `client` and `api` are {id, secret, key}.
// Out: {step: "works" | "–" (the library has none) | what went wrong}.

import assert from "node:assert/strict";
import { text } from "node:stream/consumers";

const given = JSON.parse(await text(process.stdin));
const { createClient, errorOf } = await import(`./${given.library}.mjs`);
const open = (method, client) => createClient({ issuer: given.issuer, audience: given.audience, method, client });

const out = {};
async function step(name, work) {
  try {
    const told = await work();
    out[name] = told ?? "works";
  } catch (error) {
    out[name] = `failed: ${error.message}`;
  }
}
const none = () => "–";
/** Asserts that the library throws, with the error of OAuth that it understood. */
async function refused(promise, code) {
  const error = await promise.then(
    () => assert.fail(`${code} was not thrown`),
    (reason) => reason,
  );
  assert.equal(await errorOf(error), code, `${error}`);
}

const client = await open(given.method, given.client);
const api = await open("client_secret_basic", given.api);
let tokens = { refresh_token: given.refreshToken };
async function refresh(scope) {
  const answer = await client.refresh(tokens.refresh_token, scope);
  assert.notEqual(answer.refresh_token, tokens.refresh_token);
  assert.equal(answer.token_type.toLowerCase(), "bearer");
  assert.equal(answer.scope, scope ?? given.scope);
  tokens = answer;
}

await step("metadata", client.metadata === undefined ? none : () => assert.equal(client.metadata.issuer, given.issuer));
await step("refresh", () => refresh());
await step("narrower scope", () => refresh("read"));
await step("wider scope", () => refused(client.refresh(tokens.refresh_token, "read everything"), "invalid_scope"));
await step("wrong secret", async () => {
  if (given.method === "none") return none();
  const stranger = await open(given.method, { ...given.client, ...given.stranger });
  return refused(stranger.refresh(tokens.refresh_token), "invalid_client");
});
const introspect = api.introspect;
await step("introspection", async () => {
  if (introspect === undefined) return none();
  const { active, client_id, scope, token_type } = await introspect(tokens.access_token);
  assert.deepEqual([active, client_id, scope, token_type], [true, given.client.id, "read", "Bearer"]);
});
await step("access token", async () => {
  if (client.validate === undefined) return none();
  assert.equal((await client.validate(tokens.access_token)).client_id, given.client.id);
});
await step("refreshes at once", async () => {
  const both = await Promise.all([1, 2].map(() => client.refresh(tokens.refresh_token)));
  assert.equal(both[0].refresh_token, both[1].refresh_token);
  tokens = both[0];
  // While nobody can know which answer arrived last, none brings a refresh token: the one that is there stays.
  const { access_token, refresh_token } = await client.refresh(tokens.refresh_token);
  assert.ok(access_token);
  return refresh_token === undefined && client.forgets ? "forgets the refresh token" : assert.ok(!refresh_token);
});
await step("revocation", async () => {
  await client.revoke(tokens.refresh_token);
  await refused(client.refresh(tokens.refresh_token), "invalid_grant");
  if (introspect !== undefined) assert.deepEqual(await introspect(tokens.access_token), { active: false });
});
process.stdout.write(JSON.stringify(out), () => process.exit());
