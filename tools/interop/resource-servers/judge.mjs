// Asks every resource server written for Node.js about the same tokens, and prints its verdicts. Owns the words of a
// verdict; knows no library.
// In: {issuer, jwksUri, audience, tokens: {name: token}}. Out: {server: {name: "accepted" | "refused" | what else}}.

import { once } from "node:events";
import { text } from "node:stream/consumers";
import * as awsJwtVerify from "./aws-jwt-verify.mjs";
import * as expressOauth2JwtBearer from "./express-oauth2-jwt-bearer.mjs";
import * as fastJwt from "./fast-jwt.mjs";
import * as fastifyJwt from "./fastify-jwt.mjs";
import * as jose from "./jose.mjs";
import * as oauth4webapi from "./oauth4webapi.mjs";
import * as passportJwt from "./passport-jwt.mjs";

const checks = { jose, oauth4webapi, "fast-jwt": fastJwt, "aws-jwt-verify": awsJwtVerify };
const applications = {
  "passport-jwt": passportJwt,
  "express-oauth2-jwt-bearer": expressOauth2JwtBearer,
  "@fastify/jwt": fastifyJwt,
};

/** A function that throws. */
async function verdictOf(check, token) {
  try {
    await check(token);
    return "accepted";
  } catch {
    return "refused";
  }
}

/** An HTTP server that answers 200 or 401; everything else is a verdict of its own. */
async function statusOf(origin, token) {
  const { status } = await fetch(origin, { headers: { authorization: `Bearer ${token}` } });
  return { 200: "accepted", 401: "refused" }[status] ?? `status ${status}`;
}

async function judgeAll(tokens, judge) {
  const verdicts = {};
  for (const [name, token] of Object.entries(tokens)) verdicts[name] = await judge(token);
  return verdicts;
}

const { tokens, ...options } = JSON.parse(await text(process.stdin));
const out = {};
for (const [name, { createCheck }] of Object.entries(checks)) {
  const check = await createCheck(options);
  out[name] = await judgeAll(tokens, (token) => verdictOf(check, token));
}
for (const [name, { createServer }] of Object.entries(applications)) {
  const server = (await createServer(options)).listen(0, "127.0.0.1");
  await once(server, "listening");
  out[name] = await judgeAll(tokens, (token) => statusOf(`http://127.0.0.1:${server.address().port}/`, token));
  server.closeAllConnections();
  server.close();
}
process.stdout.write(JSON.stringify(out), () => process.exit());
