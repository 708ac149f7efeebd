// The accounts of the server, put together: the port of the HTTP layer plus what operators do. Owns the rules of adding,
// disabling and changing accounts; storage is directory.ts, checking passwords credentials.ts, limits throttle.ts.
// Ends no sessions: the HTTP layer does after a change of password, ending.ts after a reset or a disabling. What they
// must end is written down in the same step that changes the account (ending-markers.ts).

import { PawlError } from "../../core/errors.ts";
import type { Platform } from "../../core/ports.ts";
import type { User } from "../../http/accounts.ts";
import { type Account, isAccountId, readName, viewAccount } from "./account.ts";
import { type BoundedMap, createBoundedMap } from "./bounded-map.ts";
import { type Credentials, createCredentials, requireText, throttleHandle } from "./credentials.ts";
import { createDirectory, type Directory } from "./directory.ts";
import { readEmail, requireEmail } from "./email.ts";
import { createEndingMarkers, type EndingMarkers } from "./ending-markers.ts";
import { createPasswordHashes, type PasswordHashes } from "./password-hash.ts";
import {
  passwordLengthCeiling,
  passwordLengthDefault,
  passwordLengthFloor,
  requireGoodPassword,
} from "./password-rule.ts";
import { createQueue } from "./queue.ts";
import { createResets, type Resets, resetRefused } from "./resets.ts";
import { createOpenThrottle, createThrottle, type Throttle } from "./throttle.ts";
import type { AccountsOptions, PasswordReset, ServerAccounts } from "./types.ts";

/** How long `find` may show an account as it was: a change in another process takes this long to be seen. */
export const findCacheSeconds = 60;
const findCacheEntriesMax = 10_000;
const listLimitMax = 1_000;
const contextWordsMax = 16;
const contextCharactersMax = 64;
const retryAfterSeconds = 1;

interface Rule {
  readonly lengthMin: number;
  readonly service: readonly string[];
}

/** Everything the methods share. */
interface Parts {
  readonly platform: Platform;
  readonly directory: Directory;
  readonly hashes: PasswordHashes;
  readonly credentials: Credentials;
  readonly throttle: Throttle;
  readonly resets: Resets;
  readonly endings: EndingMarkers;
  readonly rule: Rule;
  readonly people: People;
}

/** Accounts as the HTTP layer sees them. */
interface People {
  /** The user, remembered with the password that was seen: `stillValid` compares. */
  userOf(account: Account): User;
  find(subject: string): Promise<User | undefined>;
  stillValid(user: User): Promise<boolean>;
  /** Called after every change made here. */
  changed(id: string): void;
}

function readRule(options: AccountsOptions): Rule {
  const lengthMin = options.passwordLengthMin ?? passwordLengthDefault;
  if (!Number.isInteger(lengthMin) || lengthMin < passwordLengthFloor || lengthMin > passwordLengthCeiling) {
    const detail = `passwordLengthMin must be a whole number from ${passwordLengthFloor} to ${passwordLengthCeiling}`;
    throw new PawlError("invalid_option", detail, { field: "passwordLengthMin" });
  }
  const service = options.contextWords ?? ["pawl"];
  if (service.length > contextWordsMax || service.some((word) => word.length > contextCharactersMax)) {
    const detail = `contextWords must be at most ${contextWordsMax} words of ${contextCharactersMax} characters`;
    throw new PawlError("invalid_option", detail, { field: "contextWords" });
  }
  return { lengthMin, service: [...service] };
}

function createPeople(directory: Directory, platform: Platform): People {
  const cache: BoundedMap<{ readonly user: User; readonly at: number }> = createBoundedMap(findCacheEntriesMax);
  const passwordsSeen = new WeakMap<User, number>();
  let changes = 0;
  const userOf = (account: Account): User => {
    const user = Object.freeze({ id: account.id, email: account.email, name: account.name });
    passwordsSeen.set(user, account.passwordVersion);
    return user;
  };
  return {
    userOf,
    async find(subject) {
      const cached = cache.get(subject);
      const age = platform.clock.now() - (cached?.at ?? 0);
      if (cached !== undefined && age >= 0 && age < findCacheSeconds * 1000) return cached.user;
      const [at, changesBefore] = [platform.clock.now(), changes];
      const account = (await directory.readById(subject))?.account;
      // Nothing is shown of a disabled user: the sessions are ending.
      if (account === undefined || account.disabled) return undefined;
      const user = userOf(account);
      // What was read while something changed may be the old state and must not outlive the change.
      if (changesBefore === changes) cache.set(subject, { user, at });
      return user;
    },
    async stillValid(user) {
      const account = (await directory.readById(user.id))?.account;
      // A user object that was not made here was never verified here.
      return account !== undefined && !account.disabled && account.passwordVersion === passwordsSeen.get(user);
    },
    changed(id) {
      changes += 1;
      cache.delete(id);
    },
  };
}

function withPassword(account: Account, password: string, platform: Platform): Account {
  const passwordChangedAt = platform.clock.now();
  return { ...account, password, passwordVersion: account.passwordVersion + 1, passwordChangedAt };
}

/** Adds an account; `beforeHashing` runs when the input is good and before anything expensive. */
async function addAccount(
  { platform, directory, credentials, rule, people }: Parts,
  input: { email: string; password: string; name?: string; deadlineAt?: number },
  beforeHashing: () => void = () => undefined,
): Promise<Account> {
  const email = requireEmail(input.email);
  const name = readName(input.name);
  const context = { service: rule.service, email: email.shown, name };
  const accepted = requireGoodPassword(input.password, rule.lengthMin, context);
  beforeHashing();
  // Asked before the hash is computed, and again, atomically, when the account is written.
  if ((await directory.readByEmail(email.compared)) !== undefined) throw new PawlError("account_exists");
  const password = await credentials.hash(accepted);
  const now = platform.clock.now();
  // Hashing waits its turn. Who asked has given up by now and will send again: nothing must have happened then.
  if (now >= (input.deadlineAt ?? Number.POSITIVE_INFINITY)) {
    throw new PawlError("store_unavailable", "The request took too long; retry.", { retryAfterSeconds });
  }
  const account = await directory.add(
    { email: email.shown, name, password, passwordVersion: 1, disabled: false, createdAt: now, passwordChangedAt: now },
    email.compared,
  );
  people.changed(account.id);
  return account;
}

async function changePassword(
  { platform, directory, credentials, endings, rule, people }: Parts,
  input: { subject: string; currentPassword: string; newPassword: string; ip?: string | undefined },
): Promise<User> {
  const verified = await credentials.checkSubject(input.subject, input.currentPassword, input.ip);
  const accepted = requireGoodPassword(input.newPassword, rule.lengthMin, { service: rule.service, ...verified });
  const password = await credentials.hash(accepted);
  const account = await directory.change(verified.id, async (read) => {
    // Somebody else changed the password, or disabled the user, after it was verified.
    if (read.disabled || read.passwordVersion !== verified.passwordVersion) throw new PawlError("invalid_credentials");
    const besides = [await endings.mark(read.id, "password_change")];
    return { next: withPassword(read, password, platform), besides };
  });
  people.changed(account.id);
  return people.userOf(account);
}

async function setDisabled({ directory, endings, people }: Parts, email: string, disabled: boolean): Promise<Account> {
  const found = await directory.readByEmail(readEmail(email)?.compared);
  if (found === undefined) throw new PawlError("not_found", "no account has this e-mail address");
  const account = await directory.change(found.account.id, async (read) => {
    if (read.disabled === disabled) return undefined;
    return { next: { ...read, disabled }, besides: disabled ? [await endings.mark(read.id, "user_disabled")] : [] };
  });
  people.changed(account.id);
  return account;
}

async function createReset(
  { directory, resets }: Parts,
  email: string,
  send: AccountsOptions["onPasswordReset"],
): Promise<PasswordReset> {
  const account = (await directory.readByEmail(readEmail(email)?.compared))?.account;
  if (account === undefined || account.disabled) {
    throw new PawlError("not_found", "no enabled account has this e-mail address");
  }
  // Each new one sweeps up some lapsed ones, so that they stay few without a timer.
  await resets.purge();
  const reset = { ...(await resets.create(account)), account: viewAccount(account) };
  await send?.(reset);
  return reset;
}

async function redeemReset(
  { platform, directory, credentials, throttle, resets, endings, rule, people }: Parts,
  token: string,
  newPassword: string,
): Promise<Account> {
  const reset = await resets.read(token);
  const usable = (account: Account | undefined): account is Account =>
    account !== undefined && !account.disabled && account.passwordVersion === reset.passwordVersion;
  const owner = (await directory.readById(reset.subject))?.account;
  if (!usable(owner)) throw resetRefused();
  const accepted = requireGoodPassword(newPassword, rule.lengthMin, { service: rule.service, ...owner });
  const password = await credentials.hash(accepted);
  const account = await directory.change(owner.id, async (read) => {
    if (!usable(read)) throw resetRefused();
    // Used up in the step that writes the password: of two who redeem it, one wins.
    const { use } = await resets.read(token);
    return {
      next: withPassword(read, password, platform),
      besides: [use, await endings.mark(read.id, "password_change")],
    };
  });
  throttle.forgive(throttleHandle(account.email));
  people.changed(account.id);
  return account;
}

async function list({ directory }: Parts, after: string | undefined, limit: number): Promise<Account[]> {
  const known = after === undefined || isAccountId(after);
  if (known && Number.isInteger(limit) && limit >= 1 && limit <= listLimitMax) return directory.list(after, limit);
  const detail = `after must be an account id, limit a whole number from 1 to ${listLimitMax}`;
  throw new PawlError("invalid_request", detail);
}

function createParts(options: AccountsOptions): Parts {
  const { store, platform } = options;
  const directory = createDirectory(store, platform);
  const hashes = createPasswordHashes(platform.entropy);
  const throttle = options.throttle === false ? createOpenThrottle() : createThrottle(platform);
  const credentials = createCredentials({ directory, hashes, queue: createQueue(), throttle });
  const people = createPeople(directory, platform);
  const resets = createResets(store, platform);
  const endings = createEndingMarkers(store, platform.clock);
  return { platform, directory, hashes, credentials, throttle, resets, endings, rule: readRule(options), people };
}

/**
 * Creates the accounts over an opened store.
 * @throws PawlError `invalid_option` for options out of bounds.
 */
export function createAccounts(options: AccountsOptions): ServerAccounts {
  const parts = createParts(options);
  const { credentials, directory, endings, people, resets, throttle } = parts;
  return {
    open: () => parts.hashes.open(),
    async register(input) {
      if (options.registration !== "open") throw new PawlError("registration_closed");
      const account = await addAccount(parts, input, () => throttle.admitRegistration(input.ip));
      throttle.know(throttleHandle(account.email), input.ip);
      return people.userOf(account);
    },
    verify: async ({ email, password, ip }) => people.userOf(await credentials.checkSignIn(email, password, ip)),
    verifySubject: async ({ subject, password, ip }) =>
      people.userOf(await credentials.checkSubject(subject, password, ip)),
    changePassword: (input) => changePassword(parts, input),
    find: people.find,
    stillValid: people.stillValid,
    finishEnding: endings.finish,
    listEndings: endings.list,
    add: async (email, password, name) =>
      viewAccount(await addAccount(parts, { email, password, ...(name === undefined ? {} : { name }) })),
    list: async (after, limit) => (await list(parts, after, limit)).map(viewAccount),
    async findByEmail(email) {
      requireText(email, "email");
      const found = await directory.readByEmail(readEmail(email)?.compared);
      return found === undefined ? undefined : viewAccount(found.account);
    },
    disable: async (email) => viewAccount(await setDisabled(parts, email, true)),
    enable: async (email) => viewAccount(await setDisabled(parts, email, false)),
    createReset: (email) => createReset(parts, email, options.onPasswordReset),
    redeemReset: async (token, newPassword) => viewAccount(await redeemReset(parts, token, newPassword)),
    purgeResets: () => resets.purge(),
  };
}
