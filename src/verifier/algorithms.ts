// The signature algorithms that WebCrypto has in every runtime, or the crypto of Node.js in its place (RFC 7518 section 3, RFC 8037), and which key is for which.
// The algorithm follows from the key; what a token names must agree with it.

import { decodeBase64url } from "../core/base64url.ts";
import { nodeCrypto } from "./platform.ts";

/** A key as JSON (RFC 7517), in the type of whatever library it comes from: what its members hold is checked. */
export interface Jwk {
  readonly kty?: unknown;
  readonly kid?: unknown;
  readonly use?: unknown;
  readonly key_ops?: unknown;
  readonly alg?: unknown;
  readonly crv?: unknown;
  readonly x?: unknown;
  readonly y?: unknown;
  readonly n?: unknown;
  readonly e?: unknown;
  readonly k?: unknown;
  readonly d?: unknown;
}

/** Names of `alg` that `verifyJws` knows. */
export type JwsAlgorithm =
  | "ES256"
  | "ES384"
  | "ES512"
  | "EdDSA"
  | "RS256"
  | "RS384"
  | "RS512"
  | "PS256"
  | "PS384"
  | "PS512"
  | "HS256"
  | "HS384"
  | "HS512";

interface Scheme {
  readonly kty: string;
  readonly crv?: string;
  /** Bytes of one half of an ECDSA signature. */
  readonly half?: number;
  /** Bytes that a secret must have at least: the size of the hash (RFC 7518 section 3.2). */
  readonly secretBytesMin?: number;
  readonly forImport: RsaHashedImportParams | EcKeyImportParams | HmacImportParams | { readonly name: "Ed25519" };
  readonly forVerify: RsaPssParams | EcdsaParams | { readonly name: string };
}

const sizes = [256, 384, 512] as const;

function schemesOf(size: (typeof sizes)[number]): [string, Scheme][] {
  const hash = `SHA-${size}`;
  const crv = size === 512 ? "P-521" : `P-${size}`;
  const rsa = { kty: "RSA" };
  return [
    [
      `ES${size}`,
      {
        kty: "EC",
        crv,
        half: size === 512 ? 66 : size / 8,
        forImport: { name: "ECDSA", namedCurve: crv },
        forVerify: { name: "ECDSA", hash },
      },
    ],
    [`RS${size}`, { ...rsa, forImport: { name: "RSASSA-PKCS1-v1_5", hash }, forVerify: { name: "RSASSA-PKCS1-v1_5" } }],
    [
      `PS${size}`,
      { ...rsa, forImport: { name: "RSA-PSS", hash }, forVerify: { name: "RSA-PSS", saltLength: size / 8 } },
    ],
    [
      `HS${size}`,
      {
        kty: "oct",
        secretBytesMin: size / 8,
        forImport: { name: "HMAC", hash },
        forVerify: { name: "HMAC" },
      },
    ],
  ];
}

const schemes: ReadonlyMap<string, Scheme> = new Map([
  ...sizes.flatMap(schemesOf),
  ["EdDSA", { kty: "OKP", crv: "Ed25519", forImport: { name: "Ed25519" }, forVerify: { name: "Ed25519" } }],
]);

/** RFC 7518 section 3.3 asks for 2048 bits at least; longer than 8192 only costs time. */
const modulusBytesMin = 256;
const modulusBytesMax = 1024;

/** The members that make a key, by `kty`; nothing else, least of all a private part, is looked at. */
const membersOf: Readonly<Record<string, readonly string[]>> = {
  EC: ["crv", "x", "y"],
  OKP: ["crv", "x"],
  RSA: ["n", "e"],
  oct: ["k"],
};

/** True when `jwk` may check signatures of `alg` (RFC 7517 sections 4.1 to 4.4). */
function isKeyFor(jwk: Jwk, alg: string): boolean {
  const scheme = schemes.get(alg);
  if (scheme === undefined || jwk.kty !== scheme.kty) return false;
  if (scheme.crv !== undefined && jwk.crv !== scheme.crv) return false;
  if (jwk.alg !== undefined && jwk.alg !== alg) return false;
  if (jwk.use !== undefined && jwk.use !== "sig") return false;
  if (jwk.key_ops !== undefined && !(Array.isArray(jwk.key_ops) && jwk.key_ops.includes("verify"))) return false;
  const members = (membersOf[scheme.kty] as readonly (keyof Jwk)[]).map((name) => jwk[name]);
  if (!members.every((member) => typeof member === "string" && member !== "")) return false;
  const first = scheme.kty === "RSA" || scheme.kty === "oct" ? decodeBase64url(members[0] as string) : undefined;
  if (scheme.kty === "oct") return first !== undefined && first.length >= (scheme.secretBytesMin as number);
  return scheme.kty !== "RSA" || (first !== undefined && modulusFits(first) && exponentFits(jwk.e as string));
}

/** The small primes of the fingerprint below. */
const fingerprintPrimes = [11, 13, 17, 19, 37, 53, 61, 71, 73, 79, 97, 103, 107, 109, 127, 151, 157];

/**
 * True for a modulus as a faulty library made it, whose factors can be found ("The Return of Coppersmith's Attack",
 * Nemec and others, 2017; CVE-2017-15361): modulo every small prime it is a power of 65537.
 */
function isRoca(modulus: Uint8Array): boolean {
  return fingerprintPrimes.every((prime) => {
    const rest = modulus.reduce((sum, byte) => (sum * 256 + byte) % prime, 0);
    let power = 1;
    for (let exponent = 0; exponent < prime; exponent += 1) {
      if (power === rest) return true;
      power = (power * 65537) % prime;
    }
    return false;
  });
}

function modulusFits(modulus: Uint8Array): boolean {
  if (modulus[0] === 0 || modulus.length < modulusBytesMin || modulus.length > modulusBytesMax) return false;
  return !isRoca(modulus);
}

/** An odd number above 1, of at most 32 bits: with 1 everything is its own signature. */
function exponentFits(text: string): boolean {
  const bytes = decodeBase64url(text);
  if (bytes === undefined || bytes.length > 4 || bytes[0] === 0) return false;
  return ((bytes.at(-1) ?? 0) & 1) === 1 && !(bytes.length === 1 && bytes[0] === 1);
}

/** True when a signature has the form of `alg`: ECDSA has two halves of fixed size, neither of them zero. */
function isWellFormed(scheme: Scheme, signature: Uint8Array): boolean {
  const { half } = scheme;
  if (half === undefined) return true;
  const isSome = (byte: number): boolean => byte !== 0;
  return (
    signature.length === 2 * half && signature.subarray(0, half).some(isSome) && signature.subarray(half).some(isSome)
  );
}

/** Checks signatures of one key and one algorithm. */
export type SignatureCheck = (
  data: Uint8Array<ArrayBuffer>,
  signature: Uint8Array<ArrayBuffer>,
) => boolean | Promise<boolean>;

/** What was made of a JWK, for as long as it lives: at most one for each algorithm. */
const checks = new WeakMap<Jwk, Map<string, Promise<SignatureCheck | undefined>>>();

/** The same with the crypto of Node.js. @throws the module's error for what is no key */
function nativeCheck(
  native: NonNullable<ReturnType<typeof nodeCrypto>>,
  scheme: Scheme,
  alg: string,
  jwk: JsonWebKey,
): SignatureCheck {
  const { RSA_PKCS1_PADDING, RSA_PKCS1_PSS_PADDING } = native.constants;
  const size = Number(alg.slice(2));
  const forms: Readonly<Record<string, object>> = {
    EC: { dsaEncoding: "ieee-p1363" },
    OKP: {},
    RSA: alg.startsWith("PS")
      ? { padding: RSA_PKCS1_PSS_PADDING, saltLength: size / 8 }
      : { padding: RSA_PKCS1_PADDING },
  };
  const hash = scheme.kty === "OKP" ? null : `sha${size}`;
  const key = { key: native.createPublicKey({ key: { ...jwk }, format: "jwk" }), ...forms[scheme.kty] };
  return (data, signature) => isWellFormed(scheme, signature) && native.verify(hash, data, key, signature);
}

async function createCheck(jwk: Jwk, alg: string): Promise<SignatureCheck | undefined> {
  const scheme = schemes.get(alg);
  if (scheme === undefined || !isKeyFor(jwk, alg)) return undefined;
  const names = ["kty", ...(membersOf[scheme.kty] as readonly (keyof Jwk)[])] as const;
  const plain = Object.fromEntries(names.map((name) => [name, jwk[name]])) as JsonWebKey;
  try {
    const native = nodeCrypto();
    if (native !== undefined && scheme.kty !== "oct") return nativeCheck(native, scheme, alg, plain);
    const key = await crypto.subtle.importKey("jwk", plain, scheme.forImport, false, ["verify"]);
    const verify = (data: Uint8Array<ArrayBuffer>, signature: Uint8Array<ArrayBuffer>): Promise<boolean> =>
      // Some runtimes look at the point only now.
      crypto.subtle.verify(scheme.forVerify, key, signature, data).catch(() => false);
    return async (data, signature) => isWellFormed(scheme, signature) && (await verify(data, signature));
  } catch {
    // A point that is not on its curve, and the like: no key.
    return undefined;
  }
}

/** What checks signatures of `alg` by `jwk`; `undefined` when it is no key for that. A JWK is read once: it must not change. */
export function checkOf(jwk: Jwk, alg: string): Promise<SignatureCheck | undefined> {
  const known = checks.get(jwk) ?? new Map<string, Promise<SignatureCheck | undefined>>();
  checks.set(jwk, known);
  const check = known.get(alg) ?? createCheck(jwk, alg);
  known.set(alg, check);
  return check;
}
