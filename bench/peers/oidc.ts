// node-oidc-provider 9 with its own memory adapter (or, given a file, a durable one), in the leanest configuration that does what Pawl's refresh does:
// rotation on, a JWT access token signed with ES256 (through a resource indicator), no `openid` scope and therefore no
// second signature for an ID token, a public client. Nothing of it is patched; its adapter only gets a larger bound, since
// by default it forgets all but the newest 1,000 entries and would now and then lose the grant of a client in use.
// Usage: node peers/oidc.ts [database file]

import { generateKeyPairSync, randomUUID } from "node:crypto";
import type { ServerResponse } from "node:http";
import { createServer } from "node:http";
// @ts-expect-error The package ships no type declarations.
import Provider from "oidc-provider";
// @ts-expect-error The package ships no type declarations.
import MemoryAdapter from "oidc-provider/lib/adapters/memory_adapter.js";
// @ts-expect-error The package ships no type declarations.
import LRU from "oidc-provider/lib/helpers/lru.js";
import { announce, seedCount, seedPath } from "./serve.ts";
import { createSqliteAdapter } from "./sqlite-adapter.ts";

const resource = "http://localhost/api";
const scope = "api:read";
const clientId = "bench";
const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });

const entries = new LRU({ maxSize: 1_000_000 });
const file = process.argv[2];
const memory = (model: string): object => new MemoryAdapter(model, entries);

const provider = new Provider("http://localhost", {
  adapter: file === undefined ? memory : createSqliteAdapter(file),
  clients: [
    {
      client_id: clientId,
      token_endpoint_auth_method: "none",
      application_type: "native",
      redirect_uris: ["http://localhost/callback"],
      grant_types: ["authorization_code", "refresh_token"],
      id_token_signed_response_alg: "ES256",
    },
  ],
  jwks: { keys: [{ ...privateKey.export({ format: "jwk" }), use: "sig", alg: "ES256", kid: "bench" }] },
  rotateRefreshToken: true,
  issueRefreshToken: () => true,
  findAccount: (_context: unknown, sub: string) => ({ accountId: sub, claims: () => ({ sub }) }),
  cookies: { keys: ["only for this benchmark"] },
  ttl: { AccessToken: 900, RefreshToken: 604_800, Grant: 2_592_000 },
  features: {
    devInteractions: { enabled: false },
    revocation: { enabled: true },
    resourceIndicators: {
      enabled: true,
      defaultResource: () => resource,
      useGrantedResource: () => true,
      getResourceServerInfo: () => ({
        scope,
        audience: resource,
        accessTokenTTL: 900,
        accessTokenFormat: "jwt",
        jwt: { sign: { alg: "ES256" } },
      }),
    },
  },
});

async function seedOne(client: unknown): Promise<string> {
  const accountId = randomUUID();
  const grant = new provider.Grant({ accountId, clientId });
  grant.addResourceScope(resource, scope);
  const grantId = await grant.save();
  const token = new provider.RefreshToken({ accountId, client, grantId, gty: "authorization_code", resource, scope });
  return token.save();
}

async function seed(url: string, response: ServerResponse): Promise<void> {
  const client = await provider.Client.find(clientId);
  const tokens = await Promise.all(Array.from({ length: seedCount(url) }, () => seedOne(client)));
  response.setHeader("Content-Type", "application/json");
  const body = JSON.stringify({ tokens });
  response.setHeader("Content-Length", Buffer.byteLength(body));
  response.end(body);
}

const handle = provider.callback();
announce(
  createServer((request, response) => {
    if (request.url?.startsWith(seedPath)) void seed(request.url, response);
    else handle(request, response);
  }),
  "oidc",
);
