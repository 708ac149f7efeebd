// From the words of an operator to a user: an e-mail address, or a user id as lists show it.
// Owns the lookup only.

import { PawlError } from "../core/errors.ts";
import type { Opened } from "./opened.ts";

/** The user id of `--user`. @throws PawlError `not_found` for an unknown address. */
export async function subjectOf({ accounts }: Opened, user: string): Promise<string> {
  if (!user.includes("@")) return user;
  const found = await accounts.findByEmail(user);
  if (found === undefined) throw new PawlError("not_found", "there is no account with this e-mail address");
  return found.id;
}
