// One-time tokens that set a new password. Owns the token, its document at `resets/<SHA-256 of the token>` and the purge
// of lapsed ones. The token itself is never stored. Any change of the password voids the tokens made before it.

import { createHash } from "node:crypto";
import { PawlError } from "../../core/errors.ts";
import type { DocumentChange, Platform, Store, StoredDocument } from "../../core/ports.ts";
import type { Account } from "./account.ts";

/** Where resets stand. */
export const resetsPrefix = "resets/";
/** How long a token is good. */
export const resetTtlSeconds = 3600;
/** Documents one purge step looks at. */
export const resetsPurgeMax = 64;

const tokenBytes = 32;
const tokenShape = /^[A-Za-z0-9_-]{43}$/;
const changesMax = 16;

/** A reset as it was read. */
export interface ReadReset {
  readonly subject: string;
  readonly passwordVersion: number;
  /** The change that uses it up; part of the atomic step that writes the password. */
  readonly use: DocumentChange;
}

/** The resets in the store. */
export interface Resets {
  create(account: Account): Promise<{ readonly token: string; readonly expiresAt: number }>;
  /** @throws PawlError `invalid_credentials` when the token is unknown, used or expired. */
  read(token: string): Promise<ReadReset>;
  /** One bounded step over the lapsed ones; resolves how many went. */
  purge(): Promise<number>;
}

interface StoredReset {
  readonly subject: string;
  readonly passwordVersion: number;
  /** Milliseconds. */
  readonly expiresAt: number;
}

/** The refusal of a token; the same for every reason. */
export function resetRefused(): PawlError {
  return new PawlError("invalid_credentials", "The link is unknown, was used already or has expired.");
}

function decode(document: StoredDocument): StoredReset | undefined {
  try {
    const { subject, passwordVersion, expiresAt } = JSON.parse(document.value) as Partial<StoredReset>;
    if (typeof subject !== "string" || typeof passwordVersion !== "number" || typeof expiresAt !== "number") return;
    return { subject, passwordVersion, expiresAt };
  } catch {
    return undefined;
  }
}

function keyOf(token: string): string {
  return resetsPrefix + createHash("sha256").update(token).digest("base64url");
}

/** Creates the resets over an opened store. */
export function createResets(store: Store, platform: Platform): Resets {
  let position: string | undefined;

  async function remove(documents: readonly StoredDocument[]): Promise<number> {
    let removed = 0;
    for (let start = 0; start < documents.length; start += changesMax) {
      const part = documents.slice(start, start + changesMax);
      const changes = part.map(({ key, version }) => ({ key, expectedVersion: version, value: null }));
      // Lost against somebody who used or purged one of them: a later sweep takes the rest.
      if (await store.writeDocuments(changes)) removed += part.length;
    }
    return removed;
  }

  return {
    async create(account) {
      const token = Buffer.from(platform.entropy.bytes(tokenBytes)).toString("base64url");
      const expiresAt = platform.clock.now() + resetTtlSeconds * 1000;
      const stored: StoredReset = { subject: account.id, passwordVersion: account.passwordVersion, expiresAt };
      const change = { key: keyOf(token), expectedVersion: 0, value: JSON.stringify(stored) };
      if (!(await store.writeDocuments([change]))) throw new PawlError("internal_error", "a reset token came up twice");
      return { token, expiresAt };
    },
    async read(token) {
      if (typeof token !== "string" || !tokenShape.test(token)) throw resetRefused();
      const document = await store.readDocument(keyOf(token));
      const reset = document === undefined ? undefined : decode(document);
      if (document === undefined || reset === undefined || reset.expiresAt <= platform.clock.now()) {
        throw resetRefused();
      }
      const use = { key: document.key, expectedVersion: document.version, value: null };
      return { subject: reset.subject, passwordVersion: reset.passwordVersion, use };
    },
    async purge() {
      const documents = await store.listDocuments(resetsPrefix, position, resetsPurgeMax);
      position = documents.length < resetsPurgeMax ? undefined : documents.at(-1)?.key;
      const lapsed = documents.filter((document) => (decode(document)?.expiresAt ?? 0) <= platform.clock.now());
      return remove(lapsed);
    },
  };
}
