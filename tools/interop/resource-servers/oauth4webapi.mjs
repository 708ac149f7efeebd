// oauth4webapi: the metadata of RFC 8414 and validateJwtAccessToken, which takes the request as it came.
// Starts no server.

import {
  allowInsecureRequests,
  discoveryRequest,
  processDiscoveryResponse,
  validateJwtAccessToken,
} from "oauth4webapi";

const loopback = { [allowInsecureRequests]: true };

export async function createCheck({ issuer, audience }) {
  const identifier = new URL(issuer);
  const answer = await discoveryRequest(identifier, { algorithm: "oauth2", ...loopback });
  const server = await processDiscoveryResponse(identifier, answer);
  return (token) => {
    const request = new Request(audience, { headers: { authorization: `Bearer ${token}` } });
    return validateJwtAccessToken(server, request, audience, loopback);
  };
}
