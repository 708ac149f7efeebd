// passport-jwt with the keys of jwks-rsa, in Express, as the documentation of both shows it.
// Listens to nothing by itself.

import { createServer as createHttpServer } from "node:http";
import express from "express";
import jwksRsa from "jwks-rsa";
import passport from "passport";
import { ExtractJwt, Strategy } from "passport-jwt";

export function createServer({ issuer, jwksUri, audience }) {
  const secretOrKeyProvider = jwksRsa.passportJwtSecret({ cache: true, rateLimit: true, jwksUri });
  const jwtFromRequest = ExtractJwt.fromAuthHeaderAsBearerToken();
  const options = { secretOrKeyProvider, jwtFromRequest, issuer, audience, algorithms: ["ES256"] };
  passport.use(new Strategy(options, (claims, done) => done(null, { id: claims.sub })));
  const app = express();
  app.get("/", passport.authenticate("jwt", { session: false }), (request, response) => response.json(request.user));
  return createHttpServer(app);
}
