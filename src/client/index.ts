// `pawl/client`: the session in a browser, and in every other program that signs people in. Composes its parts; owns the
// public calls, and which requests get the access token.
// In a browser the refresh token is an httpOnly cookie that this code never sees; the access token lives in memory only.
// Needs nothing but the DOM library.

import { type Access, createAccess } from "./access.ts";
import { cookieCredential, storedCredential } from "./credential.ts";
import { ClientError } from "./error.ts";
import { createMemory, createVolatileStorage } from "./memory.ts";
import { watchPage } from "./page.ts";
import { createState, isolate, type State } from "./state.ts";
import { createTabs, type News, noTabs } from "./tabs.ts";
import { type Answer, type Call, createTransport, type Transport } from "./transport.ts";
import { Turnstile } from "./turnstile.ts";
import type { Client, ClientOptions, DeviceSession } from "./types.ts";

export { ClientError } from "./error.ts";
export type {
  Client,
  ClientOptions,
  ClientStorage,
  DeviceSession,
  SessionSnapshot,
  SessionStore,
  SignedOutReason,
  SnapshotSession,
  User,
} from "./types.ts";

const allowedOriginsMax = 16;
const timeoutSecondsDefault = 10;
const timeoutSecondsMax = 30;

/**
 * Creates the client of one issuer. Sends nothing until it is called, but for a sign-out that the server has not heard of.
 *
 * ```ts
 * import { createClient } from "pawl/client";
 *
 * const client = createClient({ baseUrl: "https://auth.example.com", onSignedOut: () => location.assign("/sign-in") });
 * const answer = await client.fetch("https://auth.example.com/auth/session");
 * ```
 * @throws TypeError for a malformed origin or too many, RangeError for a time out of bounds.
 */
export function createClient(options: ClientOptions = {}): Client {
  const hasPage = typeof location !== "undefined";
  const issuer = new URL(options.baseUrl ?? location.origin).origin;
  const origins = allowedOrigins(issuer, options.allowedOrigins ?? []);
  const timeoutSeconds = options.timeoutSeconds ?? timeoutSecondsDefault;
  if (!(timeoutSeconds >= 1 && timeoutSeconds <= timeoutSecondsMax)) {
    throw new RangeError(`timeoutSeconds must be from 1 to ${timeoutSecondsMax}`);
  }
  const fetchRequest = options.fetch ?? ((request: Request) => fetch(request));
  const name = `pawl:${issuer}`;
  const isCookie = (options.transport ?? (hasPage ? "cookie" : "body")) === "cookie";
  const { storage = isCookie ? undefined : createVolatileStorage() } = options;
  const memory = createMemory(() => storage ?? localStorage);
  const hasTabs = isCookie && (options.tabs ?? typeof document !== "undefined");
  const tabs = hasTabs ? createTabs(name, (news: News) => turnstile.hear(news)) : noTabs;
  const state = createState();
  const credentials = isCookie ? "include" : "omit";
  const transport = createTransport({ issuer, fetchRequest, timeoutSeconds, credentials });
  const turnstile = new Turnstile({
    state,
    transport,
    memory,
    credential: isCookie ? cookieCredential : storedCredential(memory, `${name}:token`),
    tabs,
    name,
    onSignedOut: (reason) => isolate(() => options.onSignedOut?.(reason)),
  });
  turnstile.resume().catch(() => undefined);
  const close = hasTabs ? watchPage({ state, tabs, turnstile }) : () => undefined;

  const access = createAccess({ state, turnstile, fetchRequest, origins });
  const enter = (path: string, body: object) =>
    turnstile.enter({ method: "POST", path, body: isCookie ? body : { ...body, transport: "body" } });
  return Object.freeze<Client>({
    signUp: ({ email, password, name }) => enter("/auth/register", { email, password, name }),
    signIn: ({ email, password }) => enter("/auth/login", { email, password }),
    signOut: () => turnstile.leave(),
    fetch: access.fetch,
    getAccessToken: ({ signal } = {}) => access.getToken(signal),
    async refresh() {
      await turnstile.refresh();
      return state.getSnapshot().status === "signed-in";
    },
    session: Object.freeze({ getSnapshot: state.getSnapshot, subscribe: state.subscribe }),
    async reauthenticate({ password }) {
      const call: Call = { method: "POST", path: "/auth/reauthenticate", body: { password } };
      await access.authorized(call, (authorized) => turnstile.renew(authorized));
    },
    async changePassword({ currentPassword, newPassword }) {
      const body = { current_password: currentPassword, new_password: newPassword };
      const call: Call = { method: "POST", path: "/auth/password", body };
      await access.authorized(call, (authorized) => turnstile.enter(authorized));
    },
    devices: createDevices(access, state, turnstile, transport),
    close,
  });
}

function createDevices(access: Access, state: State, turnstile: Turnstile, transport: Transport): Client["devices"] {
  const ask = (method: Call["method"], path: string): Promise<Answer> =>
    access.authorized({ method, path }, (call) => transport.send(call));
  return Object.freeze({
    async list() {
      const { sessions } = await ask("GET", "/auth/sessions");
      if (!Array.isArray(sessions)) throw new ClientError("unexpected_answer", "The answer is not a list.");
      return sessions as DeviceSession[];
    },
    async revoke(id: string) {
      // Ending the own session is a sign-out: only that deletes the cookie (CONTRACT section 4).
      if (id === state.getSnapshot().session?.id) await turnstile.leave();
      else await ask("DELETE", `/auth/sessions/${encodeURIComponent(id)}`);
    },
    async revokeOthers() {
      const { revoked } = await ask("DELETE", "/auth/sessions?except=current");
      return Number(revoked);
    },
  });
}

function allowedOrigins(issuer: string, further: readonly string[]): ReadonlySet<string> {
  if (further.length > allowedOriginsMax) throw new TypeError(`allowedOrigins takes at most ${allowedOriginsMax}`);
  for (const origin of further) {
    if (new URL(origin).origin !== origin) throw new TypeError(`allowedOrigins takes exact origins, not ${origin}`);
  }
  return new Set([issuer, ...further]);
}
