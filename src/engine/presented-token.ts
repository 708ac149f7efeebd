// A presented refresh token, taken apart; and the one case in which a token that does not check out is no verdict: it was
// made under a secret that the store knows and this process was not given, because nodes restart one after the other while
// PAWL_SECRET is rotated. Owns that distinction; what a good token leads to is rotation.ts.

import { PawlError } from "../core/errors.ts";
import { keyIdOf, parseRefreshToken, type RefreshToken } from "../core/refresh-token.ts";
import type { SecretRing } from "../core/secret-keys.ts";
import { type Context, cannotAnswer } from "./context.ts";
import type { ForeignSecrets } from "./secrets.ts";

/**
 * Takes a presented token apart after checking form and MAC.
 * @throws PawlError `refresh_token_invalid`; `store_unavailable` (retry, another process can) for one of a secret that is
 * not known here yet.
 */
export async function readPresented(context: Context, text: string): Promise<RefreshToken> {
  try {
    return parseRefreshToken(text, context.secrets);
  } catch (error) {
    if (await isForeign(text, context.secrets, context.foreignSecrets)) {
      throw cannotAnswer("This token was made under a secret that this process was not given yet; retry.");
    }
    throw error instanceof PawlError ? error : new PawlError("refresh_token_invalid");
  }
}

async function isForeign(text: string, ring: SecretRing, foreign: ForeignSecrets): Promise<boolean> {
  const keyId = keyIdOf(text);
  return keyId !== undefined && ring.byId(keyId) === undefined && (await foreign.has(keyId));
}
