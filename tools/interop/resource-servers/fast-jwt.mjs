// fast-jwt: createVerifier with a function for the key, which comes from get-jwks.
// Starts no server.

import { createVerifier } from "fast-jwt";
import buildGetJwks from "get-jwks";

export function createCheck({ issuer, audience }) {
  const keys = buildGetJwks({ issuersWhitelist: [issuer] });
  return createVerifier({
    key: ({ header: { kid, alg } }) => keys.getPublicKey({ kid, alg, domain: issuer }),
    algorithms: ["ES256"],
    allowedIss: issuer,
    allowedAud: audience,
  });
}
