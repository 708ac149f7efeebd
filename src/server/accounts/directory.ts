// The accounts in the store: finding, adding and changing them. Owns the store calls and their compare-and-sets; a lost
// one is read again and decided again, a bounded number of times. Knows no password rule and no throttling.

import { PawlError } from "../../core/errors.ts";
import type { DocumentChange, Platform, Store } from "../../core/ports.ts";
import {
  type Account,
  decodeAccount,
  decodeId,
  emailKey,
  encodeAccount,
  encodeId,
  idBytes,
  isAccountId,
  type ReadAccount,
  userKey,
  usersPrefix,
} from "./account.ts";

/** Times a change is tried before the store counts as too busy. */
export const changeAttemptsMax = 8;
const addAttemptsMax = 3;
const retryAfterSeconds = 1;

/** What a change makes of the account that was read: the next one, with further documents of the same atomic step. */
export interface AccountChange {
  readonly next: Account;
  readonly besides?: readonly DocumentChange[];
}

/** The accounts in the store. Every method rejects with `store_unavailable` when the store cannot be reached. */
export interface Directory {
  readById(id: string): Promise<ReadAccount | undefined>;
  /** The account of a compared address. Asks the store as often for an unknown address as for a known one. */
  readByEmail(compared: string | undefined): Promise<ReadAccount | undefined>;
  /** Adds an account and its address in one step. @throws `account_exists`. */
  add(account: Omit<Account, "id">, compared: string): Promise<Account>;
  /**
   * Changes one account. `change` is called with what was read, again after each lost race; `undefined` = leave it.
   * @throws `not_found`, `store_unavailable` when every attempt was lost; and whatever `change` throws.
   */
  change(
    id: string,
    change: (read: Account) => AccountChange | undefined | Promise<AccountChange | undefined>,
  ): Promise<Account>;
  /** Replaces the document if it is still the one that was read; for changes that may be lost. */
  replace(read: ReadAccount, next: Account): Promise<boolean>;
  list(after: string | undefined, limit: number): Promise<Account[]>;
}

/** Creates the directory over an opened store. */
export function createDirectory(store: Store, platform: Platform): Directory {
  const drawId = (): string => Buffer.from(platform.entropy.bytes(idBytes)).toString("base64url");
  // An id that nobody has, so that an unknown address costs the same two reads as a known one.
  const nobody = drawId();

  async function read(id: string): Promise<ReadAccount | undefined> {
    const document = await store.readDocument(userKey(id));
    return document === undefined ? undefined : decodeAccount(document);
  }

  async function readByEmail(compared: string | undefined): Promise<ReadAccount | undefined> {
    const document = await store.readDocument(emailKey(compared ?? nobody));
    const found = await read(document === undefined ? nobody : decodeId(document));
    return document === undefined ? undefined : found;
  }

  async function add(account: Omit<Account, "id">, compared: string): Promise<Account> {
    for (let attempt = 0; attempt < addAttemptsMax; attempt++) {
      if ((await store.readDocument(emailKey(compared))) !== undefined) throw new PawlError("account_exists");
      const added = { id: drawId(), ...account };
      const written = await store.writeDocuments([
        { key: emailKey(compared), expectedVersion: 0, value: encodeId(added.id) },
        { key: userKey(added.id), expectedVersion: 0, value: encodeAccount(added) },
      ]);
      if (written) return added;
    }
    throw new PawlError("store_unavailable", undefined, { retryAfterSeconds });
  }

  async function replace(found: ReadAccount, next: Account, besides: readonly DocumentChange[] = []): Promise<boolean> {
    const change = { key: userKey(next.id), expectedVersion: found.version, value: encodeAccount(next) };
    return store.writeDocuments([change, ...besides]);
  }

  return {
    // Ids of other shapes exist nowhere; the store is not asked for keys of any length.
    readById: async (id) => (isAccountId(id) ? read(id) : undefined),
    readByEmail,
    add,
    async change(id, change) {
      for (let attempt = 0; attempt < changeAttemptsMax; attempt++) {
        const found = await read(id);
        if (found === undefined) throw new PawlError("not_found", "no such account");
        const wanted = await change(found.account);
        if (wanted === undefined) return found.account;
        if (await replace(found, wanted.next, wanted.besides)) return wanted.next;
      }
      throw new PawlError("store_unavailable", undefined, { retryAfterSeconds });
    },
    replace: (found, next) => replace(found, next),
    async list(after, limit) {
      const documents = await store.listDocuments(usersPrefix, after === undefined ? after : userKey(after), limit);
      return documents.map((document) => decodeAccount(document).account);
    },
  };
}
