// What the store keeps under lock (AES-256-GCM under a key of PAWL_SECRET): private keys, each with the id of the secret that
// opens it. Owns the form. Opening one also proves which id a secret has in this store.

import { createCipheriv, createDecipheriv } from "node:crypto";
import type { Entropy } from "../core/ports.ts";
import type { SecretKeys } from "../core/secret-keys.ts";

/** A private key under lock. */
export interface Sealed {
  /** The key id that it belongs to, which the seal covers. */
  readonly kid: string;
  /** The secret it is sealed under, and base64url of nonce(12) ‖ ciphertext ‖ tag(16). */
  readonly keyId: number;
  readonly sealed: string;
}

const nonceBytes = 12;
const tagBytes = 16;

/** Seals a private key (PKCS #8) under a secret. */
export function seal(pkcs8: Uint8Array, kid: string, secret: SecretKeys, entropy: Entropy): Omit<Sealed, "kid"> {
  const nonce = entropy.bytes(nonceBytes);
  const cipher = createCipheriv("aes-256-gcm", secret.sealing, nonce).setAAD(Buffer.from(kid));
  const sealed = Buffer.concat([nonce, cipher.update(pkcs8), cipher.final(), cipher.getAuthTag()]);
  return { keyId: secret.keyId, sealed: sealed.toString("base64url") };
}

/** The private key, or `undefined` when this secret does not open it. */
export function unseal({ kid, sealed }: Sealed, secret: Pick<SecretKeys, "sealing">): Uint8Array | undefined {
  const bytes = Buffer.from(sealed, "base64url");
  const decipher = createDecipheriv("aes-256-gcm", secret.sealing, bytes.subarray(0, nonceBytes))
    .setAAD(Buffer.from(kid))
    .setAuthTag(bytes.subarray(-tagBytes));
  try {
    return Buffer.concat([decipher.update(bytes.subarray(nonceBytes, -tagBytes)), decipher.final()]);
  } catch {
    return undefined;
  }
}
