// @fastify/jwt with the keys of get-jwks: jwtVerify as a hook before each request.
// Listens to nothing by itself.

import fastifyJwt from "@fastify/jwt";
import fastify from "fastify";
import buildGetJwks from "get-jwks";

export async function createServer({ issuer, audience }) {
  const keys = buildGetJwks({ issuersWhitelist: [issuer] });
  const app = fastify();
  await app.register(fastifyJwt, {
    decode: { complete: true },
    secret: (_request, { header: { kid, alg } }) => keys.getPublicKey({ kid, alg, domain: issuer }),
    verify: { algorithms: ["ES256"], allowedIss: issuer, allowedAud: audience },
  });
  app.addHook("onRequest", (request) => request.jwtVerify());
  app.get("/", (request) => ({ id: request.user.sub }));
  await app.ready();
  return app.server;
}
