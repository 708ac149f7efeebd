// openid-client: discovery by RFC 8414, then its grants. Plain http is allowed because it is loopback.
// Owns no step of the walk.

import * as openid from "openid-client";

const { subtle } = globalThis.crypto;

async function authenticationOf(method, { secret, key }) {
  if (method === "none") return openid.None();
  if (method === "client_secret_basic") return openid.ClientSecretBasic(secret);
  if (method === "client_secret_post") return openid.ClientSecretPost(secret);
  const imported = await subtle.importKey("jwk", key, { name: "ECDSA", namedCurve: "P-256" }, false, ["sign"]);
  return openid.PrivateKeyJwt({ key: imported, kid: key.kid });
}

export async function createClient({ issuer, method, client }) {
  const authentication = await authenticationOf(method, client);
  const options = { algorithm: "oauth2", execute: [openid.allowInsecureRequests] };
  const config = await openid.discovery(new URL(issuer), client.id, undefined, authentication, options);
  return {
    metadata: config.serverMetadata(),
    refresh: (token, scope) => openid.refreshTokenGrant(config, token, scope === undefined ? {} : { scope }),
    introspect: (token) => openid.tokenIntrospection(config, token),
    revoke: (token) => openid.tokenRevocation(config, token),
  };
}

/** A 401 with a challenge, which RFC 6749 section 5.2 asks for after Basic, is thrown before its body is read. */
export async function errorOf(error) {
  return error.error ?? (await error.response.json()).error;
}
