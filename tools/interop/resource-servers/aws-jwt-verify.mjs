// aws-jwt-verify: JwtVerifier for any issuer. Its own fetcher speaks https only, so that plain http on loopback needs another.
// Starts no server.

import { JwtVerifier } from "aws-jwt-verify";
import { SimpleJwksCache } from "aws-jwt-verify/jwk";

const fetcher = { fetch: async (uri) => await (await fetch(uri)).arrayBuffer() };

export function createCheck({ issuer, jwksUri, audience }) {
  const verifier = JwtVerifier.create({ issuer, jwksUri, audience }, { jwksCache: new SimpleJwksCache({ fetcher }) });
  return (token) => verifier.verify(token);
}
