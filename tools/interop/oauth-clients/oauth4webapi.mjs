// oauth4webapi: each request and the processing of its answer by itself, and validateJwtAccessToken. Plain http is allowed
// because it is loopback.
// Owns no step of the walk.

import * as oauth from "oauth4webapi";

const loopback = { [oauth.allowInsecureRequests]: true };
const { subtle } = globalThis.crypto;

async function authenticationOf(method, { secret, key }) {
  if (method === "none") return oauth.None();
  if (method === "client_secret_basic") return oauth.ClientSecretBasic(secret);
  if (method === "client_secret_post") return oauth.ClientSecretPost(secret);
  const imported = await subtle.importKey("jwk", key, { name: "ECDSA", namedCurve: "P-256" }, false, ["sign"]);
  return oauth.PrivateKeyJwt({ key: imported, kid: key.kid });
}

export async function createClient({ issuer, audience, method, client: { id, ...proof } }) {
  const identifier = new URL(issuer);
  const discovered = await oauth.discoveryRequest(identifier, { algorithm: "oauth2", ...loopback });
  const server = await oauth.processDiscoveryResponse(identifier, discovered);
  const client = { client_id: id };
  const authentication = await authenticationOf(method, proof);
  return {
    metadata: server,
    refresh: async (token, scope) => {
      const options = { ...loopback, additionalParameters: scope === undefined ? {} : { scope } };
      const answer = await oauth.refreshTokenGrantRequest(server, client, authentication, token, options);
      return oauth.processRefreshTokenResponse(server, client, answer);
    },
    introspect: async (token) => {
      const answer = await oauth.introspectionRequest(server, client, authentication, token, loopback);
      return oauth.processIntrospectionResponse(server, client, answer);
    },
    revoke: async (token) => {
      await oauth.processRevocationResponse(
        await oauth.revocationRequest(server, client, authentication, token, loopback),
      );
    },
    validate: (token) => {
      const request = new Request(audience, { headers: { authorization: `Bearer ${token}` } });
      return oauth.validateJwtAccessToken(server, request, audience, loopback);
    },
  };
}

/** A 401 with a challenge, which RFC 6749 section 5.2 asks for after Basic, is thrown before its body is read. */
export async function errorOf(error) {
  return error.error ?? (await error.response.json()).error;
}
