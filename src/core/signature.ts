// Signing and checking with ES256, EdDSA (Ed25519) and RS256 (RFC 7518, RFC 8037). The algorithm belongs to the key and
// is never taken from a token. ECDSA runs in DER and is converted here: faster than asking Node 24 for the JOSE form
// (npm run bench prints both).

import type { KeyObject } from "node:crypto";
import { createPrivateKey, createPublicKey, hash as digest, sign, verify } from "node:crypto";

/** Signature algorithms of access tokens. */
export type Algorithm = "ES256" | "EdDSA" | "RS256";

/** A public key as JSON (RFC 7517): string members only. */
export type PublicJwk = Readonly<Record<string, string>>;

/** Makes signatures; holds the private key. */
export interface SigningKey {
  readonly kid: string;
  readonly alg: Algorithm;
  sign(data: string): Uint8Array;
}

/** Checks signatures. */
export interface VerificationKey {
  readonly kid: string;
  readonly alg: Algorithm;
  verify(data: string, signature: Uint8Array): boolean;
}

const half = 32;

/** One DER INTEGER as 32 bytes, and where the next value starts. */
function readInteger(der: Uint8Array, at: number, out: Uint8Array, outAt: number): number {
  const length = der[at + 1] as number;
  const from = at + 2 + Math.max(0, length - half);
  const until = at + 2 + length;
  out.set(der.subarray(from, until), outAt + half - (until - from));
  return until;
}

/** ECDSA-Sig-Value (RFC 3279 section 2.2.3) to the 64 bytes of RFC 7518 section 3.4. */
export function derToJose(der: Uint8Array): Uint8Array {
  const out = new Uint8Array(2 * half);
  readInteger(der, readInteger(der, 2, out, 0), out, half);
  return out;
}

/** One half as a minimal DER INTEGER. */
function writeInteger(jose: Uint8Array, from: number): number[] {
  let first = from;
  while (first < from + half - 1 && jose[first] === 0) first += 1;
  const value = [...jose.subarray(first, from + half)];
  if ((value[0] as number) >= 0x80) value.unshift(0);
  return [2, value.length, ...value];
}

/** The 64 bytes of RFC 7518 section 3.4 to ECDSA-Sig-Value. */
export function joseToDer(jose: Uint8Array): Uint8Array {
  const body = [...writeInteger(jose, 0), ...writeInteger(jose, half)];
  return Uint8Array.from([0x30, body.length, ...body]);
}

/** The RFC 7638 thumbprint of a public key: its `kid`. */
export function thumbprint(jwk: PublicJwk): string {
  const members =
    jwk.kty === "EC" ? ["crv", "kty", "x", "y"] : jwk.kty === "OKP" ? ["crv", "kty", "x"] : ["e", "kty", "n"];
  return digest("sha256", JSON.stringify(Object.fromEntries(members.map((name) => [name, jwk[name]]))), "base64url");
}

/** The algorithm a key is for, from the key itself; `undefined` for a key that Pawl does not use. */
function algorithmOf(key: KeyObject): Algorithm | undefined {
  if (key.asymmetricKeyType === "ed25519") return "EdDSA";
  if (key.asymmetricKeyType === "ec" && key.asymmetricKeyDetails?.namedCurve === "prime256v1") return "ES256";
  // RFC 7518 section 3.3 asks for 2048 bits at least.
  if (key.asymmetricKeyType === "rsa" && (key.asymmetricKeyDetails?.modulusLength as number) >= 2048) return "RS256";
  return undefined;
}

function requireAlgorithm(key: KeyObject): Algorithm {
  const alg = algorithmOf(key);
  if (alg === undefined) throw new TypeError("the key is not P-256, Ed25519 or RSA of at least 2048 bits");
  return alg;
}

/** The public half of a private key, as served by JWKS. */
function publicJwkOf(key: KeyObject, alg: Algorithm): PublicJwk {
  const jwk = createPublicKey(key).export({ format: "jwk" }) as PublicJwk;
  return { ...jwk, kid: thumbprint(jwk), use: "sig", alg };
}

/** Makes a signer of a private key (PKCS #8 DER). @throws TypeError for a key that Pawl does not use. */
export function createSigningKey(pkcs8: Uint8Array): SigningKey & { readonly jwk: PublicJwk } {
  const key = createPrivateKey({ key: Buffer.from(pkcs8), type: "pkcs8", format: "der" });
  const alg = requireAlgorithm(key);
  const jwk = publicJwkOf(key, alg);
  const hash = alg === "EdDSA" ? null : "sha256";
  return {
    kid: jwk.kid as string,
    alg,
    jwk,
    sign: (data) => {
      const signature = sign(hash, Buffer.from(data), key);
      return alg === "ES256" ? derToJose(signature) : signature;
    },
  };
}

/** Makes a checker of a public JWK. @throws TypeError for a key that Pawl does not use. */
export function createVerificationKey(jwk: PublicJwk): VerificationKey {
  const key = createPublicKey({ key: { ...jwk }, format: "jwk" });
  const alg = requireAlgorithm(key);
  const hash = alg === "EdDSA" ? null : "sha256";
  return {
    kid: jwk.kid ?? thumbprint(jwk),
    alg,
    verify: (data, signature) => {
      if (alg !== "ES256") return verify(hash, Buffer.from(data), key, signature);
      return signature.length === 2 * half && verify(hash, Buffer.from(data), key, joseToDer(signature));
    },
  };
}
