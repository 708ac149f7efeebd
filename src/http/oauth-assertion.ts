// Client authentication by a signed assertion (private_key_jwt, RFC 7523 section 3, RFC 8725): the client's registered
// keys, our issuer as the only audience, a short life, and each assertion once, at whatever node it arrives.
// Used ones are documents of the store, named so that the oldest come first; each new one takes some lapsed ones away.

import { createHash } from "node:crypto";
import type { DocumentChange, Store } from "../core/ports.ts";
import type { Parts } from "./endpoint.ts";
import type { Client } from "./oauth-clients.ts";

const assertionCharactersMax = 4096;
/** How long an assertion may live from now, in seconds; as long it is remembered. */
const lifetimeSecondsMax = 600;
const leewaySeconds = 30;
const jtiCharactersMax = 255;
const usedPrefix = "oauth/assertion/";
/** Lapsed entries that one new entry takes away: more than it adds, so that they never pile up. */
const sweptMax = 8;

type Members = ReadonlyMap<string, unknown>;

interface Assertion {
  readonly header: Members;
  readonly claims: Members;
  readonly signed: string;
  readonly signature: Buffer;
}

function decoded(text: string): Buffer | undefined {
  const bytes = Buffer.from(text, "base64url");
  return text !== "" && bytes.toString("base64url") === text ? bytes : undefined;
}

function objectIn(text: string): Members | undefined {
  try {
    const value: unknown = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(decoded(text)));
    return typeof value === "object" && value !== null && !Array.isArray(value)
      ? new Map(Object.entries(value))
      : undefined;
  } catch {
    return undefined;
  }
}

function parse(text: string): Assertion | undefined {
  const [first = "", second = "", third = "", ...more] = text.length > assertionCharactersMax ? [] : text.split(".");
  const [header, claims, signature] = [objectIn(first), objectIn(second), decoded(third)];
  if (more.length > 0 || header === undefined || claims === undefined || signature === undefined) return undefined;
  return { header, claims, signed: `${first}.${second}`, signature };
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

function isSignedBy(client: Client, { header, signed, signature }: Assertion): boolean {
  if (header.has("crit") || header.has("b64")) return false;
  const kid = header.get("kid");
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
  const key = `${usedPrefix}${String(until).padStart(12, "0")}/${name}`;
  if (!(await store.writeDocuments([{ key, expectedVersion: 0, value: "" }]))) return false;
  const oldest = await store.listDocuments(usedPrefix, undefined, sweptMax);
  const lapsed = oldest.filter((document) => Number(document.key.split("/")[2]) < seconds);
  const changes: DocumentChange[] = lapsed.map((each) => ({
    key: each.key,
    expectedVersion: each.version,
    value: null,
  }));
  // Another request may have taken the same ones away; the next one sees to the rest.
  if (changes.length > 0) await store.writeDocuments(changes);
  return true;
}
