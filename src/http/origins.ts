// Who may call from a browser: the CSRF gate and CORS, both over the same allow-list of exact origins.
// Measured in browsers: a page on another port or a sibling host is same-site, so a Strict cookie goes along with its
// forged requests; a redirect chain through a foreign site even keeps it. Only Origin, Sec-Fetch-Site and a header that
// needs a preflight tell the forged request from ours. Owns no route and no cookie.

import { PawlError } from "../core/errors.ts";
import type { Incoming, Outgoing } from "./exchange.ts";
import { exposedHeaders } from "./headers.ts";

/** `cookie`: full gate with `X-Pawl`. `page`: the Origin and Sec-Fetch-Site rules where those headers are present. */
export type Gate = "cookie" | "page" | "none";

const originsMax = 64;
const preflightMaxAgeSeconds = 600;
const requestHeaders = "Content-Type, Authorization, X-Pawl, Idempotency-Key, DPoP";

/** The allow-list of one deployment. */
export interface OriginPolicy {
  /** @throws PawlError `csrf_rejected`. */
  check(gate: Gate, incoming: Incoming): void;
  /** Adds the CORS headers of an actual request, if its origin is allowed. */
  decorate(incoming: Incoming, outgoing: Outgoing): void;
  /** The CORS headers of a preflight, empty if its origin is not allowed. */
  preflight(incoming: Incoming, methods: string): readonly string[];
}

/**
 * Builds the policy.
 * @param origins serialized origins (`https://app.example`), at most 64; compared exactly
 * @throws PawlError `invalid_option` for anything that is not a serialized http or https origin.
 */
export function createOriginPolicy(origins: readonly string[]): OriginPolicy {
  if (origins.length > originsMax) refuseOption(`at most ${originsMax} origins`);
  const grants = new Map<string, readonly string[]>();
  for (const origin of origins) {
    if (!isSerializedOrigin(origin)) refuseOption("origins must be like https://app.example, without a path");
    grants.set(origin, [
      "access-control-allow-origin",
      origin,
      "access-control-allow-credentials",
      "true",
      "access-control-expose-headers",
      exposedHeaders,
    ]);
  }
  return {
    check: (gate, incoming) => {
      if (gate === "none") return;
      if (gate === "cookie" && incoming.header("x-pawl") === undefined) refuse("The X-Pawl header is missing.");
      const origin = incoming.header("origin");
      const allowed = origin !== undefined && grants.has(origin);
      if (origin !== undefined && !allowed) refuse("Pages of this origin may not call.");
      const site = incoming.header("sec-fetch-site");
      if (site === undefined || site === "same-origin") return;
      if (site === "same-site" && allowed) return;
      refuse("The request came from another site.");
    },
    decorate: (incoming, outgoing) => {
      const origin = incoming.header("origin");
      if (origin === undefined) return;
      const granted = grants.get(origin);
      if (granted !== undefined) outgoing.headers.push(...granted);
    },
    preflight: (incoming, methods) => {
      const origin = incoming.header("origin");
      if (origin === undefined || !grants.has(origin)) return [];
      if (incoming.header("access-control-request-method") === undefined) return [];
      return [
        "access-control-allow-methods",
        methods,
        "access-control-allow-headers",
        requestHeaders,
        "access-control-max-age",
        String(preflightMaxAgeSeconds),
      ];
    },
  };
}

/** The preflight headers of documents that anybody may read, without credentials. */
export function publicPreflight(methods: string): readonly string[] {
  return [
    "access-control-allow-methods",
    methods,
    "access-control-allow-headers",
    // The star stands for everything but Authorization (WHATWG Fetch section 3.2.2).
    "Authorization, *",
    "access-control-max-age",
    String(preflightMaxAgeSeconds),
  ];
}

function refuse(why: string): never {
  throw new PawlError("csrf_rejected", why);
}

function refuseOption(why: string): never {
  throw new PawlError("invalid_option", why, { field: "origins" });
}

function isSerializedOrigin(text: string): boolean {
  try {
    const url = new URL(text);
    // A pattern would look as if it worked and never match.
    return (url.protocol === "https:" || url.protocol === "http:") && url.origin === text && !text.includes("*");
  } catch {
    return false;
  }
}
