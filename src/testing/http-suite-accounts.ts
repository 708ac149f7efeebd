// The accounts of the HTTP suite: the `Accounts` port over a map, passwords in the clear, so that the suite needs no
// server and no hashing. For tests only.

import { PawlError } from "../core/errors.ts";
import type { Accounts, User } from "../http/accounts.ts";

const passwordCharactersMin = 8;

/** Accounts that tests can reach into. */
export interface SuiteAccounts extends Accounts {
  /** From now on `stillValid` says no: somebody changed a password or disabled a user in the middle of a sign-in. */
  invalidate(): void;
  /** From now on `verify` answers 429. */
  throttle(): void;
  /** From now on `find` fails in a way nobody foresaw. */
  breakDown(message: string): void;
}

interface Person {
  readonly user: User;
  password: string;
}

/** Creates empty accounts. */
export function createSuiteAccounts(): SuiteAccounts {
  const people = new Map<string, Person>();
  let valid = true;
  let throttled = false;
  let broken: string | undefined;
  const demandStrong = (password: string): void => {
    if (password.length >= passwordCharactersMin) return;
    throw new PawlError("weak_password", undefined, { reasons: ["too_short"] });
  };
  const checked = (person: Person | undefined, password: string): Person => {
    if (throttled) throw new PawlError("rate_limited", undefined, { retryAfterSeconds: 7 });
    if (person?.password !== password) throw new PawlError("invalid_credentials");
    return person;
  };
  const bySubject = (subject: string): Person | undefined =>
    [...people.values()].find(({ user }) => user.id === subject);
  return {
    register: async ({ email, password, name }) => {
      demandStrong(password);
      if (people.has(email)) throw new PawlError("account_exists");
      const user = { id: `user-${people.size + 1}`, email, name: name ?? null };
      people.set(email, { user, password });
      return user;
    },
    verify: async ({ email, password }) => checked(people.get(email), password).user,
    verifySubject: async ({ subject, password }) => checked(bySubject(subject), password).user,
    changePassword: async ({ subject, currentPassword, newPassword }) => {
      const person = checked(bySubject(subject), currentPassword);
      demandStrong(newPassword);
      person.password = newPassword;
      return person.user;
    },
    find: async (subject) => {
      if (broken !== undefined) throw new Error(broken);
      return bySubject(subject)?.user;
    },
    stillValid: async () => valid,
    invalidate: () => {
      valid = false;
    },
    throttle: () => {
      throttled = true;
    },
    breakDown: (message) => {
      broken = message;
    },
  };
}
