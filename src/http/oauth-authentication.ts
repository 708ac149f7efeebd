// Client authentication at the OAuth endpoints (RFC 6749 section 2.3): exactly one method, the one that is registered.
// Owns parsing and comparing. What fails says only that it failed: whether the client exists is nobody's business.

import { createHash, timingSafeEqual } from "node:crypto";
import type { Call, Parts } from "./endpoint.ts";
import { demandLimit } from "./limits.ts";
import { checkAssertion, clientIdOf } from "./oauth-assertion.ts";
import type { Client } from "./oauth-clients.ts";
import { OAuthError } from "./oauth-errors.ts";
import { addressKey } from "./proxy.ts";

const assertionType = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
const secretCharactersMax = 512;

/** What a request says about its client. */
interface Presented {
  readonly id: string;
  readonly secret?: string;
  readonly assertion?: string;
  readonly isBasic: boolean;
}

/** A parameter of a form; every value of one is a text. */
export function parameter(call: Call, name: string): string | undefined {
  return call.body[name] as string | undefined;
}

/**
 * The client of a request.
 * @throws OAuthError `invalid_client`, or `invalid_request` for none, two methods at once or two names.
 * @throws PawlError `rate_limited` when its address makes the store look for too many.
 */
export async function authenticatedClient(parts: Parts, call: Call): Promise<Client> {
  const presented = presentedClient(call);
  const client = await parts.clients.find(presented.id, () => {
    if (call.client !== undefined) demandLimit(parts.limits, "client_address", addressKey(call.client));
  });
  if (client === undefined || !(await isProven(parts, client, presented))) {
    throw new OAuthError("invalid_client", "Client authentication failed.", presented.isBasic);
  }
  return client;
}

async function isProven(parts: Parts, client: Client, { secret, assertion }: Presented): Promise<boolean> {
  switch (client.authentication) {
    case "none":
      return secret === undefined && assertion === undefined;
    case "client_secret":
      return secret !== undefined && isSecretOf(client, secret);
    case "private_key_jwt":
      return assertion !== undefined && (await checkAssertion(parts, client, assertion));
  }
}

/** Every hash is compared, in constant time. */
function isSecretOf(client: Client, secret: string): boolean {
  if (secret.length > secretCharactersMax) return false;
  const hash = createHash("sha256").update(secret).digest();
  return client.secretHashes.map((each) => timingSafeEqual(each, hash)).includes(true);
}

function presentedClient(call: Call): Presented {
  const header = call.incoming.header("authorization");
  const id = parameter(call, "client_id");
  const secret = parameter(call, "client_secret");
  const assertion = parameter(call, "client_assertion");
  const methods = [header, secret, assertion].filter((each) => each !== undefined).length;
  if (methods > 1) throw new OAuthError("invalid_request", "Two methods of client authentication were used at once.");
  if (header !== undefined) return sameName(basicCredentials(header), id);
  if (assertion !== undefined || parameter(call, "client_assertion_type") !== undefined) {
    if (assertion === undefined || parameter(call, "client_assertion_type") !== assertionType) {
      throw new OAuthError("invalid_request", "client_assertion needs the client_assertion_type of RFC 7523.");
    }
    return sameName({ id: clientIdOf(assertion) ?? "", assertion, isBasic: false }, id);
  }
  if (id === undefined) throw new OAuthError("invalid_request", "client_id is missing.");
  return secret === undefined ? { id, isBasic: false } : { id, secret, isBasic: false };
}

function sameName(presented: Presented, id: string | undefined): Presented {
  if (id === undefined || id === presented.id) return presented;
  throw new OAuthError("invalid_client", "client_id names another client.", presented.isBasic);
}

/** RFC 6749 section 2.3.1: both halves are form-encoded inside of Basic. */
function basicCredentials(header: string): Presented {
  const encoded = /^basic +([A-Za-z0-9+/]+={0,2})$/i.exec(header)?.[1];
  const [, id, secret] = /^([^:]*):(.*)$/s.exec(Buffer.from(encoded ?? "", "base64").toString("utf8")) ?? [];
  const decoded = [id, secret].map((half) => half !== undefined && formDecoded(half));
  if (typeof decoded[0] !== "string" || typeof decoded[1] !== "string") {
    throw new OAuthError("invalid_client", "The Authorization header must be Basic with client id and secret.", true);
  }
  // No secret is how some libraries name a public client.
  const named = { id: decoded[0], isBasic: true };
  return decoded[1] === "" ? named : { ...named, secret: decoded[1] };
}

function formDecoded(text: string): string | undefined {
  try {
    return decodeURIComponent(text.replaceAll("+", " "));
  } catch {
    return undefined;
  }
}
