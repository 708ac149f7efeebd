// OAuth client libraries that others wrote, each with every way to authenticate that it has, walked through the OAuth
// endpoints of the built server (tools/interop/oauth-clients/walk.mjs): metadata, refresh, scopes, introspection, revocation.

import assert from "node:assert/strict";
import { createHash, generateKeyPairSync, randomBytes } from "node:crypto";
import { test } from "node:test";
import { installInterop, runNodeProgram } from "../../tools/interop/install.ts";
import { audience, openScene } from "./scene.ts";
import { holdTable, type Row } from "./table.ts";

const steps = [
  "metadata",
  "refresh",
  "narrower scope",
  "wider scope",
  "wrong secret",
  "introspection",
  "access token",
  "refreshes at once",
  "revocation",
] as const;
type Steps = Readonly<Record<(typeof steps)[number], string>>;

const works: Steps = {
  metadata: "works",
  refresh: "works",
  "narrower scope": "works",
  "wider scope": "works",
  "wrong secret": "works",
  introspection: "works",
  "access token": "works",
  "refreshes at once": "works",
  revocation: "works",
};
/** What a library does not have, and what it does differently. */
const libraries: Readonly<Record<string, Partial<Steps>>> = {
  "openid-client": { "access token": "–" },
  oauth4webapi: {},
  "simple-oauth2": {
    metadata: "–",
    introspection: "–",
    "access token": "–",
    "refreshes at once": "forgets the refresh token",
  },
};
const methods = ["client_secret_basic", "client_secret_post", "private_key_jwt", "none"] as const;

// Standard base64 on purpose: `+`, `/` and `=` have to survive form encoding, and twice so in the header.
const secret = `${randomBytes(40).toString("base64")}+/=`;
const secretSha256 = createHash("sha256").update(secret).digest("base64url");
const privateKey = (kid: string) => ({
  ...generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey.export({ format: "jwk" }),
  kid,
  alg: "ES256",
});
const key = privateKey("one");
const { d: _, ...publicKey } = key;
const scope = "read write";
const may = { scopes: ["read", "write"], selfService: true };
const clientOf = {
  client_secret_basic: { id: "service", authentication: "client_secret", secretSha256, ...may },
  client_secret_post: { id: "service", authentication: "client_secret", secretSha256, ...may },
  private_key_jwt: { id: "robot", authentication: "private_key_jwt", jwks: { keys: [publicKey] }, ...may },
  none: { id: "app", ...may },
} as const;
const proofOf = { client_secret_basic: { secret }, client_secret_post: { secret }, private_key_jwt: { key }, none: {} };
const api = { id: "api", authentication: "client_secret", secretSha256, introspects: [audience] };

const versions = installInterop();
const registered = [clientOf.client_secret_basic, clientOf.private_key_jwt, clientOf.none, api];
const scene = await openScene([], { PAWL_CLIENTS: JSON.stringify(registered) });
const table = { name: "OAuth clients", columns: ["Client", "Version", "Authentication", ...steps] };
const rows: Row[] = [];

for (const [library, differences] of Object.entries(libraries)) {
  for (const method of methods) {
    if (library === "simple-oauth2" && method === "private_key_jwt") continue;
    test(`${library}, ${method}`, async () => {
      const { id } = clientOf[method];
      const seen = await runNodeProgram<Steps>("oauth-clients/walk.mjs", {
        library,
        method,
        issuer: scene.issuer,
        audience,
        scope,
        client: { id, ...proofOf[method] },
        api: { id: api.id, secret },
        stranger: { secret: randomBytes(40).toString("base64"), key: privateKey("one") },
        refreshToken: (await scene.grant(id)).refresh_token,
      });
      rows.push([library, versions[library] as string, method, ...steps.map((name) => seen[name])]);
      const nothingSecret: Partial<Steps> = method === "none" ? { "wrong secret": "–" } : {};
      assert.deepEqual(seen, { ...works, ...differences, ...nothingSecret });
    });
  }
}

test("docs/reference/interop.md says what they did", () => holdTable(table, rows, true));
