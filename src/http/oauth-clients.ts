// The registry of clients: who may refresh, revoke and introspect at the OAuth endpoints, and how each proves who it is.
// Clients come from the configuration and from the store (`pawl clients add`). Owns the shape and its checks; holds no
// secret, only SHA-256 of secrets that are random enough for a fast hash.

import { PawlError } from "../core/errors.ts";
import type { Clock, Store } from "../core/ports.ts";
import type { PublicJwk, VerificationKey } from "../core/signature.ts";
import { createVerificationKey } from "../core/signature.ts";
import { isScopeToken, scopeCharactersMax, scopesMax } from "../engine/scopes.ts";

/** How a client proves who it is: not at all (public), by a secret, or by a signed assertion (RFC 7523). */
export type ClientAuthentication = "none" | "client_secret" | "private_key_jwt";

/** A registered client, as configured. */
export interface ClientOptions {
  /** 1 to 64 characters of `A-Z a-z 0-9 - . _ ~`; `first-party` is taken. */
  readonly id: string;
  /** Default `none`: a native app, a page, a command line. */
  readonly authentication?: ClientAuthentication | undefined;
  /**
   * With `client_secret`: SHA-256 of the secret, base64url (43 characters); two while it is being replaced. The secret
   * itself is at least 32 random bytes.
   */
  readonly secretSha256?: string | readonly string[] | undefined;
  /** With `private_key_jwt`: the client's public keys, at most 8. They are never fetched. */
  readonly jwks?: { readonly keys: readonly PublicJwk[] } | undefined;
  /** The scopes it may be granted, at most 32, 255 characters together. Default none. */
  readonly scopes?: readonly string[] | undefined;
  /** `aud` of its access tokens. Default: that of the deployment. */
  readonly audience?: string | undefined;
  /** Audiences of which it is the resource server: it may introspect their access tokens. At most 16. Default none. */
  readonly introspects?: readonly string[] | undefined;
  /** Whether a signed-in person may give it tokens (`POST /auth/sessions`). Default: operators and the application only. */
  readonly selfService?: boolean | undefined;
}

/** A checked client. */
export interface Client {
  readonly id: string;
  readonly authentication: ClientAuthentication;
  readonly secretHashes: readonly Buffer[];
  readonly keys: readonly VerificationKey[];
  readonly scopes: readonly string[];
  readonly audience: string | undefined;
  readonly introspects: readonly string[];
  readonly selfService: boolean;
}

/** Finds clients. */
export interface Clients {
  /**
   * The client of this id, if there is one.
   * @param onReading called before the store is read; what it throws stands in the way of that
   */
  find(id: string, onReading?: () => void): Promise<Client | undefined>;
  readonly store: Store;
}

/** The client of sessions that no registered one holds: public, and known without being registered. */
export const firstParty = "first-party";
/** The most clients of a configuration. */
export const clientsMax = 1000;
const secretsMax = 2;
const keysMax = 8;
const audiencesMax = 16;
/** How long a client of the store is remembered: so long one that was removed may still be served. */
const rememberedMilliseconds = 2_000;
const rememberedMax = 1000;
/** What the keys of registered clients begin with in the store. */
export const clientsPrefix = "oauth/client/";
const idShape = /^[A-Za-z0-9\-._~]{1,64}$/;
const hashShape = /^[A-Za-z0-9_-]{42}[AEIMQUYcgkosw048]$/;

/** Where the store keeps a client; without an id, what all of their keys start with. */
export function clientKey(id = ""): string {
  return `${clientsPrefix}${id}`;
}

const members = ["id", "authentication", "secretSha256", "jwks", "scopes", "audience", "introspects", "selfService"];

function refuse(id: unknown, why: string): never {
  const name = typeof id === "string" && idShape.test(id) ? `client ${id}` : "a client";
  throw new PawlError("invalid_option", `clients: ${name} ${why}`, { field: "clients" });
}

function listOf(value: unknown, max: number, good: (each: unknown) => boolean): value is readonly string[] {
  return Array.isArray(value) && value.length <= max && value.every(good) && new Set(value).size === value.length;
}

function isAudience(value: unknown): boolean {
  return typeof value === "string" && /^\S{1,255}$/.test(value);
}

/**
 * Checks a client as configured.
 * @throws PawlError `invalid_option` that names the client and what is wrong; no hash and no key is repeated.
 */
export function createClient(options: ClientOptions): Client {
  if (typeof options !== "object" || options === null || Array.isArray(options)) refuse("", "must be an object");
  const { id, authentication = "none", scopes = [], audience, introspects = [], selfService = false } = options;
  if (typeof id !== "string" || !idShape.test(id))
    refuse(id, "needs an id of 1 to 64 characters of A-Z a-z 0-9 - . _ ~");
  if (id === firstParty) refuse(id, "cannot be registered: it is always there");
  const unknown = Object.keys(options).find((name) => !members.includes(name));
  if (unknown !== undefined)
    refuse(id, `has an unknown member ${JSON.stringify(unknown)}; it takes ${members.join(", ")}`);
  if (!["none", "client_secret", "private_key_jwt"].includes(authentication)) {
    refuse(id, "needs an authentication of none, client_secret or private_key_jwt");
  }
  if (!listOf(scopes, scopesMax, isScopeToken) || scopes.join(" ").length > scopeCharactersMax) {
    refuse(id, `takes at most ${scopesMax} different scopes, ${scopeCharactersMax} characters together`);
  }
  if (audience !== undefined && !isAudience(audience))
    refuse(id, "needs an audience of 1 to 255 characters without spaces");
  if (!listOf(introspects, audiencesMax, isAudience)) refuse(id, `introspects at most ${audiencesMax} audiences`);
  if (introspects.length > 0 && authentication === "none") refuse(id, "cannot introspect without authentication");
  if (typeof selfService !== "boolean") refuse(id, "needs a selfService of true or false");
  return Object.freeze({
    id,
    authentication,
    secretHashes: secretHashesOf(options, authentication),
    keys: keysOf(options, authentication),
    scopes,
    audience,
    introspects,
    selfService,
  });
}

function secretHashesOf({ id, secretSha256 = [] }: ClientOptions, authentication: ClientAuthentication): Buffer[] {
  const hashes = typeof secretSha256 === "string" ? [secretSha256] : secretSha256;
  const good = (hash: unknown): boolean => typeof hash === "string" && hashShape.test(hash);
  if (!listOf(hashes, secretsMax, good)) refuse(id, `takes at most ${secretsMax} SHA-256 of secrets, in base64url`);
  if ((authentication === "client_secret") !== hashes.length > 0) {
    refuse(id, "needs secretSha256 with authentication client_secret, and with no other");
  }
  return hashes.map((hash) => Buffer.from(hash, "base64url"));
}

function keysOf({ id, jwks }: ClientOptions, authentication: ClientAuthentication): VerificationKey[] {
  if ((authentication === "private_key_jwt") !== (jwks !== undefined)) {
    refuse(id, "needs jwks with authentication private_key_jwt, and with no other");
  }
  if (jwks === undefined) return [];
  const { keys } = Object(jwks) as { keys?: unknown };
  if (!Array.isArray(keys) || keys.length === 0 || keys.length > keysMax)
    refuse(id, `needs 1 to ${keysMax} keys in jwks`);
  const checked = (keys as PublicJwk[]).map((jwk) => {
    if (["d", "p", "q", "k"].some((name) => Object.hasOwn(Object(jwk), name))) refuse(id, "has a private key in jwks");
    try {
      return createVerificationKey(jwk);
    } catch {
      return refuse(id, "has a key in jwks that is not P-256, Ed25519 or RSA of at least 2048 bits");
    }
  });
  if (new Set(checked.map(({ kid }) => kid)).size !== checked.length) refuse(id, "has the same kid twice in jwks");
  return checked;
}

const itself: Client = Object.freeze({
  id: firstParty,
  authentication: "none",
  secretHashes: [],
  keys: [],
  scopes: [],
  audience: undefined,
  introspects: [],
  selfService: false,
});

/**
 * A list of clients as configured, at most 1,000, each id once.
 * @throws PawlError `invalid_option`.
 */
export function checkClients(list: unknown): readonly ClientOptions[] {
  if (!Array.isArray(list) || list.length > clientsMax) refuse("", `must be one of a list of at most ${clientsMax}`);
  const ids = new Set<string>();
  for (const each of list as ClientOptions[]) {
    const { id } = createClient(each);
    if (ids.has(id)) refuse(id, "is there twice");
    ids.add(id);
  }
  return list as ClientOptions[];
}

/**
 * The registry of one deployment: the configured clients, and those of the store.
 * @throws PawlError `invalid_option` for a client that is not acceptable.
 */
export function createClients(configured: readonly ClientOptions[], store: Store, clock: Clock): Clients {
  const fixed = new Map<string, Client>([[firstParty, itself]]);
  for (const options of checkClients(configured)) fixed.set(options.id, createClient(options));
  const remembered = new Map<string, { readonly client: Client; readonly until: number }>();
  const find: Clients["find"] = async (id, onReading) => {
    const known = fixed.get(id);
    if (known !== undefined || !idShape.test(id)) return known;
    const before = remembered.get(id);
    if (before !== undefined && clock.now() < before.until) return before.client;
    remembered.delete(id);
    onReading?.();
    const document = await store.readDocument(clientKey(id));
    if (document === undefined) return undefined;
    const client = createClient(JSON.parse(document.value) as ClientOptions);
    if (remembered.size >= rememberedMax) remembered.delete(remembered.keys().next().value as string);
    remembered.set(id, { client, until: clock.now() + rememberedMilliseconds });
    return client;
  };
  return { find, store };
}
