// An issuer of the test's own, over real HTTP: keys that a test chooses, tokens of any form, answers as slow, large, wrong or
// absent as a test wants. Counts who asks for what.

import { generateKeyPairSync, type KeyObject, sign } from "node:crypto";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import type { TestContext } from "node:test";

export const audience = "https://api.example.com";
export const nowSeconds = 1_800_000_000;

export type Answer = (request: IncomingMessage, response: ServerResponse) => void;

/** A key of the issuer. */
export interface Key {
  readonly kid: string;
  readonly alg: string;
  readonly jwk: Readonly<Record<string, unknown>>;
  readonly privateKey: KeyObject;
}

export function ecKey(kid: string, curve = "P-256", alg = "ES256"): Key {
  const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: curve });
  return { kid, alg, privateKey, jwk: { ...publicKey.export({ format: "jwk" }), kid, alg, use: "sig" } };
}

export function edKey(kid: string): Key {
  const { privateKey, publicKey } = generateKeyPairSync("ed25519");
  return {
    kid,
    alg: "EdDSA",
    privateKey,
    jwk: { ...publicKey.export({ format: "jwk" }), kid, alg: "EdDSA", use: "sig" },
  };
}

export function rsaKey(kid: string): Key {
  const { privateKey, publicKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
  return {
    kid,
    alg: "RS256",
    privateKey,
    jwk: { ...publicKey.export({ format: "jwk" }), kid, alg: "RS256", use: "sig" },
  };
}

export const base64 = (value: unknown): string =>
  Buffer.from(typeof value === "string" || value instanceof Uint8Array ? value : JSON.stringify(value)).toString(
    "base64url",
  );

/** The signature of `signed` as a JWS has it. */
export function signatureOf(key: Key, signed: string): Buffer {
  if (key.alg === "EdDSA") return sign(null, Buffer.from(signed), key.privateKey);
  const hash = `sha${key.alg.slice(2)}`;
  return sign(hash, Buffer.from(signed), { key: key.privateKey, dsaEncoding: "ieee-p1363" });
}

/** Any header and any payload, signed. */
export function forge(key: Key, header: unknown, payload: unknown): string {
  const signed = `${base64(header)}.${base64(payload)}`;
  return `${signed}.${base64(signatureOf(key, signed))}`;
}

/** What an access token says when nothing is wrong with it. */
export function goodClaims(issuer: string): Record<string, unknown> {
  return {
    iss: issuer,
    sub: "user",
    aud: audience,
    client_id: "first-party",
    exp: nowSeconds + 900,
    iat: nowSeconds,
    jti: "j1",
    sid: "s1",
    auth_time: nowSeconds - 100,
    amr: ["pwd"],
    scope: "read write",
  };
}

/** A running issuer. */
export class Issuer {
  readonly origin: string;
  readonly keys: Key[] = [ecKey("k1")];
  /** Requests by path. */
  readonly asked: Record<string, number> = {};
  /** Answers instead of the usual one, by path. */
  readonly answers: Map<string, Answer> = new Map();

  private constructor(origin: string) {
    this.origin = origin;
  }

  static async start(t: TestContext): Promise<Issuer> {
    let issuer: Issuer | undefined;
    const server = createServer((request, response) => {
      (issuer as Issuer).answer(request, response);
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    issuer = new Issuer(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
    t.after(() => {
      server.closeAllConnections();
      server.close();
    });
    return issuer;
  }

  /** The first of {@link Issuer.keys}. */
  get key(): Key {
    return this.keys[0] as Key;
  }

  answer(request: IncomingMessage, response: ServerResponse): void {
    const path = new URL(request.url ?? "/", this.origin).pathname;
    this.asked[path] = (this.asked[path] ?? 0) + 1;
    const other = this.answers.get(path);
    if (other !== undefined) {
      other(request, response);
      return;
    }
    if (path !== jwksPath) {
      response.writeHead(404).end();
      return;
    }
    response.writeHead(200, { "content-type": "application/jwk-set+json", "cache-control": "public, max-age=300" });
    response.end(JSON.stringify({ keys: this.keys.map(({ jwk }) => jwk) }));
  }

  /** A good token, but for what is changed; `undefined` leaves a claim out. */
  token(changes: Readonly<Record<string, unknown>> = {}, key: Key = this.key): string {
    const header = { typ: "at+jwt", alg: key.alg, kid: key.kid };
    return forge(key, header, { ...goodClaims(this.origin), ...changes });
  }
}

export const jwksPath = "/.well-known/jwks.json";
