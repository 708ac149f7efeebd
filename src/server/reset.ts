// `POST /auth/reset`: sets a new password with the one-time token of `pawl users reset`, under the same checks as
// `/auth/password`. Owns the route; tokens and passwords are the accounts' business, ending sessions is ending.ts.

import type { Sessions } from "../engine/types.ts";
import type { Endpoint } from "../http/endpoint.ts";
import { createBaseHeaders } from "../http/headers.ts";
import { requiredString } from "../http/json-body.ts";
import { demandLimit, type RateLimits } from "../http/limits.ts";
import { addressKey } from "../http/proxy.ts";
import { resetPassword } from "./accounts/ending.ts";
import type { ServerAccounts } from "./accounts/types.ts";

/** The endpoint. 204: the password is set and every session of the user is over. */
export function resetEndpoint(sessions: Sessions, accounts: ServerAccounts, limits: RateLimits | undefined): Endpoint {
  const headers = createBaseHeaders(sessions.issuer, 0).empty;
  return {
    method: "POST",
    path: "/auth/reset",
    gate: "page",
    body: "json-always",
    work: async ({ body, client }) => {
      const token = requiredString(body, "token");
      const newPassword = requiredString(body, "new_password");
      if (client !== undefined) demandLimit(limits, "login_address", addressKey(client));
      await resetPassword(accounts, sessions, token, newPassword);
      return { status: 204, headers: [...headers], body: undefined };
    },
  };
}
