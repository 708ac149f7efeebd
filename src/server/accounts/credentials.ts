// Checking passwords: throttle, queue, hash and rehash in the one order that tells nobody who has an account. Owns that
// order. An unknown user, a disabled user and a wrong password get the same answer after the same work (ASVS 6.3.8).

import { PawlError } from "../../core/errors.ts";
import type { Account, ReadAccount } from "./account.ts";
import type { Directory } from "./directory.ts";
import { readEmail } from "./email.ts";
import type { PasswordHashes } from "./password-hash.ts";
import { normalisePassword, passwordBytesMax } from "./password-rule.ts";
import type { Queue } from "./queue.ts";
import type { Throttle, ThrottleScope } from "./throttle.ts";

/** What the checks work with. */
export interface CredentialParts {
  readonly directory: Directory;
  readonly hashes: PasswordHashes;
  readonly queue: Queue;
  readonly throttle: Throttle;
}

/** Checks of passwords. */
export interface Credentials {
  /** Checks a sign-in. @throws PawlError `invalid_credentials`, `rate_limited`. */
  checkSignIn(email: string, password: string, ip: string | undefined): Promise<Account>;
  /** Checks the password of a signed-in user. @throws PawlError `invalid_credentials`, `rate_limited`. */
  checkSubject(subject: string, password: string, ip: string | undefined): Promise<Account>;
  /** The PHC string of an accepted password. @throws PawlError `rate_limited` when too much is being hashed. */
  hash(password: string): Promise<string>;
}

const handleCharactersMax = 512;

/** What an account is throttled under; also for texts that are no address, since those must behave the same. */
export function throttleHandle(email: string): string {
  return readEmail(email)?.compared ?? email.slice(0, handleCharactersMax);
}

/** Refuses what is no text at all; JavaScript callers have no types. @throws PawlError `invalid_request`. */
export function requireText(value: string, field: string): void {
  if (typeof value !== "string") throw new PawlError("invalid_request", `${field} must be text`, { field });
}

/** Creates the checks. */
export function createCredentials({ directory, hashes, queue, throttle }: CredentialParts): Credentials {
  /** Runs one admitted attempt and tells the throttle how it went. */
  async function attempt<Result>(
    scope: ThrottleScope,
    handle: string,
    ip: string | undefined,
    work: () => Promise<Result>,
  ): Promise<Result> {
    const admission = await throttle.admit(scope, handle, ip);
    try {
      const result = await work();
      admission.succeed();
      return result;
    } catch (error) {
      if (error instanceof PawlError && error.code === "invalid_credentials") admission.fail();
      else admission.abandon();
      throw error;
    }
  }

  async function requirePassword(found: ReadAccount | undefined, password: string): Promise<ReadAccount> {
    // What is too long to be a password costs as much as a wrong one; nobody's password is empty.
    const candidate = Buffer.byteLength(password) <= passwordBytesMax ? normalisePassword(password) : "";
    const right = await queue.run(() => hashes.verify(found?.account.password, candidate));
    if (found === undefined || found.account.disabled || !right) throw new PawlError("invalid_credentials");
    return found;
  }

  /** Brings an old hash to today's parameters. A lost race or a busy moment only means: at the next sign-in. */
  async function rehash(found: ReadAccount, password: string): Promise<void> {
    if (!hashes.outdated(found.account.password)) return;
    try {
      const renewed = await queue.run(() => hashes.hash(normalisePassword(password)));
      await directory.replace(found, { ...found.account, password: renewed });
    } catch (error) {
      if (!(error instanceof PawlError)) throw error;
    }
  }

  return {
    async checkSignIn(email, password, ip) {
      requireText(email, "email");
      requireText(password, "password");
      const found = await attempt("sign-in", throttleHandle(email), ip, async () =>
        requirePassword(await directory.readByEmail(readEmail(email)?.compared), password),
      );
      await rehash(found, password);
      return found.account;
    },
    async checkSubject(subject, password, ip) {
      requireText(subject, "subject");
      requireText(password, "password");
      const email = (await directory.readById(subject))?.account.email ?? subject;
      // Read again once admitted: the wait may have been long.
      const found = await attempt("session", throttleHandle(email), ip, async () =>
        requirePassword(await directory.readById(subject), password),
      );
      return found.account;
    },
    hash: (password) => queue.run(() => hashes.hash(password)),
  };
}
