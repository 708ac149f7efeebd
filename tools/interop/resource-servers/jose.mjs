// jose: jwtVerify with a remote key set, as RFC 9068 section 4 asks, `typ` included.
// Starts no server.

import { createRemoteJWKSet, jwtVerify } from "jose";

export function createCheck({ issuer, jwksUri, audience }) {
  const keys = createRemoteJWKSet(new URL(jwksUri));
  return (token) => jwtVerify(token, keys, { issuer, audience, typ: "at+jwt", algorithms: ["ES256"] });
}
