// `pawl/client`: the session in a browser, and in every other program that signs people in. Composes its parts; owns the
// public calls, and which requests get the access token.
// In a browser the refresh token is an httpOnly cookie that this code never sees; the access token lives in memory only.
// Needs nothing but the DOM library.

import { createAccess } from "./access.ts";
import { cookieCredential } from "./credential.ts";
import { ClientError, quietly } from "./error.ts";
import { createMemory } from "./memory.ts";
import { watchPage } from "./page.ts";
import { createState, isolate } from "./state.ts";
import { createTabs } from "./tabs.ts";
import { type Answer, type Call, createTransport } from "./transport.ts";
import { createTurnstile } from "./turnstile.ts";
import type { Client, ClientOptions, DeviceSession, User } from "./types.ts";

export type { Credentials } from "./credential.ts";
export { ClientError } from "./error.ts";
export type { ClientStorage } from "./memory.ts";
export type {
  Client,
  ClientOptions,
  DeviceSession,
  SessionSnapshot,
  SessionStore,
  SignedOutReason,
  SnapshotSession,
  User,
} from "./types.ts";

const allowedOriginsMax = 16;
const timeoutSecondsDefault = 10;

/**
 * Creates the client of one issuer. Sends nothing until it is called, or its page is looked at again; but for a sign-out
 * that the server has not heard of.
 *
 * ```ts
 * import { createClient } from "pawl/client";
 *
 * const client = createClient({ baseUrl: "https://auth.example.com", onSignedOut: () => location.assign("/sign-in") });
 * const answer = await client.fetch("https://auth.example.com/auth/session");
 * ```
 * @throws TypeError for a malformed origin or too many.
 */
export function createClient(options: ClientOptions = {}): Client {
  const { baseUrl, allowedOrigins = [], timeoutSeconds = timeoutSecondsDefault, storage, credentials } = options;
  const { fetch: fetchRequest = (request: Request) => fetch(request) } = options;
  const issuer = new URL(baseUrl ?? location.origin).origin;
  const origins = readOrigins(issuer, allowedOrigins);
  const name = `pawl:${issuer}`;
  const isCookie = !credentials;
  const hasPage = isCookie && typeof document !== "undefined";
  const tabs = hasPage ? createTabs(name, (news) => turnstile.hear(news)) : undefined;
  const state = createState();
  const { store } = state;
  const transport = createTransport(issuer, fetchRequest, timeoutSeconds, isCookie ? "include" : "omit");
  const memory = createMemory(() => storage ?? localStorage);
  const turnstile = createTurnstile(
    state,
    transport,
    tabs,
    credentials?.(name) ?? { memory, credential: cookieCredential, name },
    (reason) => isolate(() => options.onSignedOut?.(reason)),
  );
  quietly(turnstile.resume());
  if (tabs) watchPage(state, tabs, turnstile);

  const access = createAccess(state, turnstile, fetchRequest, origins);
  const enter = (path: string, input: object): Promise<User> =>
    turnstile.enter({ path, body: { ...input, transport: isCookie ? "cookie" : "body" } });
  const demandToken = async (): Promise<string> => {
    const token = await access.getToken();
    if (token) return token;
    throw new ClientError("signed_out");
  };
  const ask = async (path: string, method?: Call["method"], body?: object): Promise<Answer> => {
    await demandToken();
    return transport.send({ path, method, body }, access.fetch);
  };
  return {
    signUp: (input) => enter("/auth/register", input),
    signIn: (input) => enter("/auth/login", input),
    signOut: () => turnstile.leave(),
    fetch: access.fetch,
    getAccessToken: access.getToken,
    async refresh() {
      await turnstile.refresh();
      return store.getSnapshot().status === "signed-in";
    },
    session: store,
    reauthenticate: (input) => turnstile.renew(ask("/auth/reauthenticate", undefined, input)),
    async changePassword({ currentPassword, newPassword }) {
      await turnstile.enter({
        path: "/auth/password",
        // While the turn is ours, none can be fetched.
        headers: { Authorization: `Bearer ${await demandToken()}` },
        body: { current_password: currentPassword, new_password: newPassword },
      });
    },
    devices: {
      list: async () => ((await ask("/auth/sessions", "GET")).sessions ?? []) as DeviceSession[],
      async revoke(id) {
        // Ending the own session is a sign-out: only that deletes the cookie (CONTRACT section 4).
        if (id === store.getSnapshot().session?.id) await turnstile.leave();
        else await ask(`/auth/sessions/${encodeURIComponent(id)}`, "DELETE");
      },
      revokeOthers: async () => (await ask(`/auth/sessions?except=current`, "DELETE")).revoked as number,
    },
  };
}

function readOrigins(issuer: string, further: readonly string[]): ReadonlySet<string> {
  if (further.length > allowedOriginsMax || further.some((origin) => new URL(origin).origin !== origin)) {
    throw new TypeError(`allowedOrigins: exact, at most ${allowedOriginsMax}`);
  }
  return new Set([issuer, ...further]);
}
