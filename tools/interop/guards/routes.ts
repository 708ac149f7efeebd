// An API as its author writes it, in every framework that pawl/verifier has guards for, under the types of the frameworks
// themselves and the strictest settings of the compiler. Owns no behaviour: test/verifier/framework-types.test.ts compiles it.

import type { KeyObject } from "node:crypto";
import { createServer } from "node:http";
import express from "express";
import { fastify } from "fastify";
import { Hono } from "hono";
import type { JWK } from "jose";
import {
  accessOf,
  createVerifier,
  expressGuards,
  fastifyGuards,
  fetchGuards,
  holdOpen,
  honoGuards,
  nodeGuards,
  type Verifier,
  type VerifierOptions,
} from "pawl/verifier";

/** What an author reads from the environment may be missing. */
const optional = (name: string): string | undefined => process.env[name];

const options: VerifierOptions = {
  issuer: "https://auth.example.com",
  audience: "https://api.example.com",
  keys: optional("KEYS"),
  revocations: { url: optional("FEED"), token: optional("FEED_TOKEN") },
};
const verifier = createVerifier(options);

/** Keys in the types of those who make them. */
export const withKeys = (own: KeyObject, exported: JsonWebKey, jose: JWK): readonly Verifier[] =>
  [own.export({ format: "jwk" }), exported, jose].map((jwk) => createVerifier({ ...options, keys: { keys: [jwk] } }));

const inExpress = expressGuards(verifier);
const app: express.Express = express();
app.use("/api", inExpress.requireSession());
app.get("/orders/:id", inExpress.requireScope("orders:read"), (request, response) => {
  response.json([accessOf(request).sub, request.params.id satisfies string]);
});
app.post("/pay", inExpress.requireScope(["orders:write"]), inExpress.requireRecentAuth({ maxAgeSeconds: 300 }));
express.Router().get("/", inExpress.requireSession(), (request, response) => void response.send(accessOf(request).sid));

const inFastify = fastifyGuards(verifier);
const server = fastify();
server.addHook("onRequest", inFastify.requireSession());
server.get<{ Params: { id: string } }>(
  "/orders/:id",
  { preHandler: [inFastify.requireScope("orders:read"), inFastify.requireRecentAuth({ acr: ["mfa"] })] },
  async (request) => [accessOf(request).sub, request.params.id],
);

const inHono = honoGuards(verifier);
const hono = new Hono<{ Variables: { subject: string } }>();
hono.use("/api/*", inHono.requireSession());
hono.get("/orders/:id", inHono.requireScope("orders:read"), (context) => {
  context.set("subject", accessOf(context).sub);
  return context.json([context.get("subject"), context.req.param("id") satisfies string]);
});

const inNode = nodeGuards(verifier);
createServer(async (request, response) => {
  const access = await inNode.requireSession()(request, response);
  if (access !== undefined) response.end(access.sub);
});

const inFetch = fetchGuards(verifier);
export default {
  async fetch(request: Request): Promise<Response> {
    const access = await inFetch.requireScope("orders:read")(request);
    return access instanceof Response ? access : Response.json(access.sub);
  },
};

/** What a WebSocket of the package ws has. */
interface Socket {
  close(code: number, reason: string): void;
  on(event: "close", listener: () => void): unknown;
}

/** The handler of an upgrade: the socket ends with the session. */
export async function onConnection(socket: Socket, token: string, origin: string | undefined): Promise<void> {
  const held = await holdOpen(verifier, token, {
    origin,
    origins: ["https://app.example.com"],
    onEnd: ({ closeCode, reason }) => socket.close(closeCode, reason),
  });
  socket.on("close", held.stop);
}

export { app, hono, server };
