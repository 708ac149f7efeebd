// The headers that every answer carries, built once for each deployment. Owns their values and the reasons for them;
// sets no cookie, knows no route.

/** What pages of other origins may read of an answer. */
export const exposedHeaders = "DPoP-Nonce, WWW-Authenticate, Retry-After";

const security: readonly string[] = [
  "x-content-type-options",
  "nosniff",
  "referrer-policy",
  "no-referrer",
  // JSON is never a page: if a browser is made to show it, nothing in it may run or be framed (OWASP ASVS 3.2.1).
  "content-security-policy",
  "default-src 'none'; frame-ancestors 'none'",
];

/** HSTS for one year. Without `includeSubDomains`: what other hosts of the domain do is not ours to decide. */
const strictTransport: readonly string[] = ["strict-transport-security", "max-age=31536000"];

/** Header lists of one deployment; name, value, name, value, … */
export interface BaseHeaders {
  /** Of every JSON answer below `/auth`: never stored, never embedded, different for different origins. */
  readonly auth: readonly string[];
  /** Of an answer without a body below `/auth`. */
  readonly empty: readonly string[];
  /** Of every problem. */
  readonly problem: readonly string[];
  /** Of documents that anybody may read from anywhere (JWKS, metadata). */
  readonly public: readonly string[];
  /** The same without a body. */
  readonly publicEmpty: readonly string[];
  /** Of the OAuth endpoints: for any origin, but stored by nobody (RFC 6749 section 5.1). */
  readonly oauth: readonly string[];
}

/** Builds the lists for an issuer. */
export function createBaseHeaders(issuer: string, publicMaxAgeSeconds: number): BaseHeaders {
  const shared = issuer.startsWith("https:") ? [...security, ...strictTransport] : security;
  const own = [...shared, "cache-control", "no-store", "cross-origin-resource-policy", "same-origin", "vary", "Origin"];
  const open = [
    ...shared,
    "cache-control",
    `public, max-age=${publicMaxAgeSeconds}`,
    "cross-origin-resource-policy",
    "cross-origin",
    "access-control-allow-origin",
    "*",
  ];
  return {
    auth: ["content-type", "application/json", ...own],
    empty: own,
    problem: ["content-type", "application/problem+json", ...own],
    public: ["content-type", "application/json", ...open],
    publicEmpty: open,
    oauth: [
      "content-type",
      "application/json",
      ...shared,
      "cache-control",
      "no-store",
      "pragma",
      "no-cache",
      "cross-origin-resource-policy",
      "cross-origin",
      "access-control-allow-origin",
      "*",
      "access-control-expose-headers",
      exposedHeaders,
    ],
  };
}
