// express-oauth2-jwt-bearer: the middleware `auth`, which finds the keys by the issuer's metadata (RFC 8414).
// Listens to nothing by itself.

import { createServer as createHttpServer } from "node:http";
import express from "express";
import { auth } from "express-oauth2-jwt-bearer";

export function createServer({ issuer, audience }) {
  const app = express();
  const issuerBaseURL = `${issuer}/.well-known/oauth-authorization-server`;
  app.get("/", auth({ issuerBaseURL, audience, tokenSigningAlg: "ES256", strict: true }), (request, response) =>
    response.json({ id: request.auth.payload.sub }),
  );
  app.use((error, _request, response, _next) => response.sendStatus(error.status ?? 500));
  return createHttpServer(app);
}
