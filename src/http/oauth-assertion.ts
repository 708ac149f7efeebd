// Client authentication by a signed assertion (private_key_jwt, RFC 7523 section 3, RFC 8725): the client's registered
// keys, our issuer as the only audience, a short life, and each assertion once, at whatever node it arrives.
// Used ones are documents of the store; each new one takes some lapsed ones away.

import { createHash } from "node:crypto";
import { type Compact, readCompact } from "../core/compact.ts";
import { PawlError } from "../core/errors.ts";
import type { DocumentChange, Store } from "../core/ports.ts";
import { parseObject } from "../core/strict-json.ts";
import type { Parts } from "./endpoint.ts";
import type { Client } from "./oauth-clients.ts";

const assertionCharactersMax = 4096;
/** How long an assertion may live from now, in seconds; as long it is remembered. */
const lifetimeSecondsMax = 600;
const leewaySeconds = 30;
const jtiCharactersMax = 255;
/** One document by client and `jti`, so that none is used twice; one by the time, so that the oldest are found. */
const usedPrefix = "oauth/used/";
const lapsesPrefix = "oauth/assertion/";
/** RFC 7519 section 5.1 and draft-ietf-oauth-rfc7523bis; media types know no case. */
const typeShape = /^(application\/)?(jwt|client-authentication\+jwt)$/i;
/** Lapsed entries that one new entry takes away: more than it adds, so that they never pile up. */
const sweptMax = 8;

type Members = ReadonlyMap<string, unknown>;

interface Assertion {
  readonly compact: Compact;
  readonly claims: Members;
}

/** Read as strictly as an access token; `undefined` for anything else, and for what is signed for another purpose. */
function parse(text: string): Assertion | undefined {
  if (text.length > assertionCharactersMax) return undefined;
  try {
    const compact = readCompact(text, "client assertion");
    const typ = compact.header.get("typ") ?? "JWT";
    const claims = typeof typ === "string" && typeShape.test(typ) ? parseObject(compact.payload) : undefined;
    return claims && { compact, claims };
  } catch (error) {
    if (error instanceof PawlError && error.code === "invalid_token") return undefined;
    throw error;
  }
}

/** The client that an assertion names, unverified; `undefined` when it names none. */
export function clientIdOf(text: string): string | undefined {
  const claims = parse(text)?.claims;
  const sub = claims?.get("sub");
  return typeof sub === "string" && claims?.get("iss") === sub ? sub : undefined;
}

/** True for an assertion of the client that was not used before; it is used then. */
export async function checkAssertion(parts: Parts, client: Client, text: string): Promise<boolean> {
  const assertion = parse(text);
  if (assertion === undefined || !isSignedBy(client, assertion)) return false;
  const { issuer, platform, store } = parts.sessions;
  const seconds = Math.floor(platform.clock.now() / 1000);
  const exp = validUntil(assertion.claims, client.id, issuer, seconds);
  const jti = assertion.claims.get("jti");
  if (exp === undefined || typeof jti !== "string" || jti === "" || jti.length > jtiCharactersMax) return false;
  return await useOnce(store, client.id, jti, exp, seconds);
}

function isSignedBy(client: Client, { compact: { header, kid, signed, signature } }: Assertion): boolean {
  const candidates = kid === undefined ? client.keys : client.keys.filter((key) => key.kid === kid);
  return candidates.some((key) => key.alg === header.get("alg") && key.verify(signed, signature));
}

/** The instant (seconds) after which the assertion is refused anyway; `undefined` = it is refused now. */
function validUntil(claims: Members, id: string, issuer: string, seconds: number): number | undefined {
  const aud = claims.get("aud");
  const audience = Array.isArray(aud) && aud.length === 1 ? aud[0] : aud;
  if (claims.get("iss") !== id || claims.get("sub") !== id || audience !== issuer) return undefined;
  const [exp, nbf, iat] = [claims.get("exp"), claims.get("nbf") ?? 0, claims.get("iat") ?? 0];
  for (const instant of [exp, nbf, iat]) if (!Number.isFinite(instant)) return undefined;
  if ((nbf as number) > seconds + leewaySeconds || (iat as number) > seconds + leewaySeconds) return undefined;
  const until = Math.ceil(exp as number) + leewaySeconds;
  return seconds < until && until <= seconds + lifetimeSecondsMax + leewaySeconds ? until : undefined;
}

async function useOnce(store: Store, id: string, jti: string, until: number, seconds: number): Promise<boolean> {
  const name = createHash("sha256").update(`${id}\0${jti}`).digest("base64url");
  const isUsedNow = await store.writeDocuments([
    { key: `${usedPrefix}${name}`, expectedVersion: 0, value: "" },
    { key: `${lapsesPrefix}${String(until).padStart(12, "0")}/${name}`, expectedVersion: 0, value: "" },
  ]);
  if (!isUsedNow) return false;
  for (const { key } of await store.listDocuments(lapsesPrefix, undefined, sweptMax)) {
    const [, , lapsesAt, used = ""] = key.split("/");
    if (Number(lapsesAt) < seconds) await forget(store, [key, `${usedPrefix}${used}`]);
  }
  return true;
}

/** Removes both, or whichever there is: a copy of a running store may have one without the other. */
async function forget(store: Store, keys: readonly string[]): Promise<void> {
  const gone = (key: string): DocumentChange => ({ key, expectedVersion: 1, value: null });
  // Another request may have taken them away; the next one sees to the rest.
  if (await store.writeDocuments(keys.map(gone))) return;
  for (const key of keys) await store.writeDocuments([gone(key)]);
}
