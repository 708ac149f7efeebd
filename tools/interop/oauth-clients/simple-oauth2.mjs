// simple-oauth2: knows no metadata, no introspection and no signed assertions. A public client is one with an empty secret in
// the body.
// Owns no step of the walk.

import { AuthorizationCode } from "simple-oauth2";

const methods = { client_secret_basic: "header", client_secret_post: "body", none: "body" };

export function createClient({ issuer, method, client }) {
  const library = new AuthorizationCode({
    client: { id: client.id, secret: client.secret ?? "" },
    auth: { tokenHost: issuer, tokenPath: "/oauth/token", revokePath: "/oauth/revoke" },
    options: { authorizationMethod: methods[method] },
  });
  const holding = (refresh_token) => library.createToken({ refresh_token });
  return {
    // When an answer has no refresh token, the new AccessToken has none either; the application keeps the old one.
    forgets: true,
    refresh: async (token, scope) => (await holding(token).refresh(scope === undefined ? {} : { scope })).token,
    revoke: (token) => holding(token).revoke("refresh_token"),
  };
}

export function errorOf(error) {
  return error.data?.payload?.error;
}
