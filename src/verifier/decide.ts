// From an Authorization header to a yes or a refusal: one rule for every framework (RFC 6750 sections 2.1 and 3, RFC 9470). Owns
// statuses, challenges and bodies of refusals; knows no framework.

import { type Bearer, bearerChallenge, readBearer } from "../core/bearer.ts";
import { PawlError } from "../core/errors.ts";
import type { Access, Verifier } from "./create-verifier.ts";

/** What a request must bring besides a good token. */
export interface Need {
  /** Scopes, all of them. */
  readonly scopes?: readonly string[] | undefined;
  /** The longest time since the person proved who they are (`auth_time`). Seconds, from 1. */
  readonly maxAgeSeconds?: number | undefined;
  /** Ways of proof, one of them (`acr`). */
  readonly acr?: readonly string[] | undefined;
}

/** An answer that says no. */
export interface Refusal {
  readonly status: 400 | 401 | 403 | 503;
  /** Name and value by turns. */
  readonly headers: readonly (readonly [string, string])[];
  /** JSON (RFC 9457). */
  readonly body: string;
}

/** What came of a request. */
export type Decision = { readonly access: Access } | { readonly refusal: Refusal };

const realm = "api";
const secondsMax = 365 * 86_400;

/** @throws PawlError `invalid_option`: a mistake in a guard shows when it is made, not when somebody is refused. */
export function checkNeed(need: Need): Need {
  const { scopes, maxAgeSeconds, acr } = need;
  const isName = (text: unknown): boolean => typeof text === "string" && /^[\x21\x23-\x5b\x5d-\x7e]+$/.test(text);
  if (scopes !== undefined && (scopes.length === 0 || !scopes.every(isName))) {
    throw new PawlError("invalid_option", "a scope is a word of ASCII without spaces", { field: "scopes" });
  }
  if (maxAgeSeconds !== undefined && !(maxAgeSeconds >= 1 && maxAgeSeconds <= secondsMax)) {
    throw new PawlError("invalid_option", `maxAgeSeconds must be from 1 to ${secondsMax}`, { field: "maxAgeSeconds" });
  }
  if (acr !== undefined && (acr.length === 0 || !acr.every(isName))) {
    throw new PawlError("invalid_option", "acr is a list of names without spaces", { field: "acr" });
  }
  return need;
}

function refuse(status: Refusal["status"], code: string, detail: string, header?: readonly [string, string]): Refusal {
  const body = JSON.stringify({ type: `urn:pawl:error:${code}`, title: detail, status, code, terminal: false });
  const plain = [
    ["content-type", "application/problem+json"],
    ["cache-control", "no-store"],
  ] as const;
  return { status, headers: header === undefined ? plain : [...plain, header], body };
}

function challenged(
  status: 400 | 401 | 403,
  error: string,
  detail: string,
  more: Readonly<Record<string, string>> = {},
): Refusal {
  const value = bearerChallenge(realm, { error, error_description: detail, ...more });
  return refuse(status, error, detail, ["www-authenticate", value]);
}

/** The refusal of an error of the verifier. @throws whatever is none of those */
function refusalOf(error: unknown): Refusal {
  if (!(error instanceof PawlError)) throw error;
  if (error.code === "invalid_token") return challenged(401, "invalid_token", error.detail);
  const seconds = String(error.facts.retryAfterSeconds ?? 1);
  return refuse(503, error.code, error.detail, ["retry-after", seconds]);
}

/** What a good token lacks; `undefined` when nothing. */
function lacking(access: Access, { scopes = [], maxAgeSeconds, acr }: Need, nowSeconds: number): Refusal | undefined {
  const granted = new Set((access.scope ?? "").split(" "));
  if (!scopes.every((scope) => granted.has(scope))) {
    return challenged(403, "insufficient_scope", "This access token is not for this call.", {
      scope: scopes.join(" "),
    });
  }
  const isOld = maxAgeSeconds !== undefined && nowSeconds - access.auth_time > maxAgeSeconds;
  if (!isOld && (acr === undefined || acr.includes(access.acr ?? ""))) return undefined;
  return challenged(401, "insufficient_user_authentication", "Sign in again to do this.", {
    ...(maxAgeSeconds === undefined ? {} : { max_age: String(Math.floor(maxAgeSeconds)) }),
    ...(acr === undefined ? {} : { acr_values: acr.join(" ") }),
  });
}

/**
 * Judges a request by its Authorization headers.
 * @param headers every one that came: two are malformed (RFC 6750 section 2)
 */
export async function decide(verifier: Verifier, headers: readonly string[], need: Need): Promise<Decision> {
  const bearer: Bearer = headers.length > 1 ? { kind: "malformed" } : readBearer(headers[0]);
  if (bearer.kind === "none") {
    const challenge = ["www-authenticate", bearerChallenge(realm)] as const;
    return { refusal: refuse(401, "invalid_token", "No access token came with the request.", challenge) };
  }
  if (bearer.kind === "malformed") {
    return { refusal: challenged(400, "invalid_request", "The Authorization header is malformed.") };
  }
  try {
    const access = await verifier.verify(bearer.token);
    const refusal = lacking(access, need, verifier.now() / 1000);
    return refusal === undefined ? { access } : { refusal };
  } catch (error) {
    return { refusal: refusalOf(error) };
  }
}
