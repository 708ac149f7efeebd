// What an access token says (RFC 9068 section 2.2), and the check of it: exact types, issuer, audience, times. One rule for the
// issuer and for verifiers elsewhere; knows no key and no signature.

import type { Compact } from "./compact.ts";
import { refuseToken } from "./compact.ts";
import { parseObject } from "./strict-json.ts";

/** How far in the future `iat` and `nbf` may lie: clocks of two machines differ, and one may be set back a little. Seconds. */
const futureSecondsMax = 60;

/** The claims of an access token (CONTRACT section 3); instants in seconds. */
export interface AccessClaims {
  readonly iss: string;
  readonly sub: string;
  readonly aud: string;
  readonly client_id: string;
  readonly exp: number;
  readonly iat: number;
  readonly jti: string;
  readonly sid: string;
  readonly auth_time: number;
  readonly amr: readonly string[];
  readonly acr?: string;
  readonly scope?: string;
}

/** What claims are checked against. */
export interface ClaimsExpectation {
  readonly issuer: string;
  /** `undefined` accepts any: for the issuer, which made tokens for several. */
  readonly audience: string | undefined;
  /** Seconds since the epoch. */
  readonly nowSeconds: number;
  /** How far another machine's clock may be off, in seconds: 0 on the issuer's own machine, at most {@link leewaySecondsMax}. */
  readonly leewaySeconds: number;
}

/** The largest leeway that a verifier may allow. */
export const leewaySecondsMax = 60;

const what = "access token";
const stringClaims = ["iss", "sub", "aud", "client_id", "jti", "sid"];
const instantClaims = ["exp", "iat", "auth_time"];
/** Audiences that one token may name. */
const audiencesMax = 16;

/** True for the header of an access token (RFC 9068 section 2.1), exactly. */
export function isAccessHeader({ header }: Compact): boolean {
  const typ = header.get("typ");
  return typ === "at+jwt" || typ === "application/at+jwt";
}

/** A list of audiences that names ours stands for ours (RFC 7519 section 4.1.3). */
function singleAudience(claims: Map<string, unknown>, audience: string | undefined): void {
  const aud = claims.get("aud");
  if (!Array.isArray(aud) || audience === undefined || aud.length > audiencesMax) return;
  if (aud.every((each) => typeof each === "string") && aud.includes(audience)) claims.set("aud", audience);
}

/**
 * The claims of a token whose signature is known to be good.
 * @throws PawlError `invalid_token`; the detail never repeats anything out of the token.
 */
export function checkAccessClaims(payload: Uint8Array, expected: ClaimsExpectation): AccessClaims {
  const claims = parseObject(payload) ?? refuseToken(what, "it is malformed");
  singleAudience(claims, expected.audience);
  for (const name of stringClaims) {
    const value = claims.get(name);
    if (typeof value !== "string" || value === "") refuseToken(what, `its ${name} is missing or no text`);
  }
  for (const name of instantClaims) {
    if (!Number.isSafeInteger(claims.get(name))) refuseToken(what, `its ${name} is missing or no whole number`);
  }
  const amr = claims.get("amr");
  if (!Array.isArray(amr) || !amr.every((name) => typeof name === "string")) {
    refuseToken(what, "its amr is no list of names");
  }
  for (const name of ["scope", "acr"]) {
    const value = claims.get(name);
    if (value !== undefined && typeof value !== "string") refuseToken(what, `its ${name} is no text`);
  }
  // Good with a proof of possession only (RFC 9449 section 7.2, RFC 8705 section 3), which nobody here can check.
  if (claims.has("cnf")) refuseToken(what, "it is bound to a key");
  const notBefore = claims.get("nbf");
  if (notBefore !== undefined && !Number.isSafeInteger(notBefore)) refuseToken(what, "its nbf is no whole number");
  const checked = Object.fromEntries(claims) as unknown as AccessClaims;
  if (checked.iss !== expected.issuer) refuseToken(what, "its issuer is another one");
  if (expected.audience !== undefined && checked.aud !== expected.audience) {
    refuseToken(what, "it is meant for another audience");
  }
  if (hasExpired(checked, expected)) refuseToken(what, "it has expired");
  const latest = expected.nowSeconds + futureSecondsMax;
  if (checked.iat > latest || (typeof notBefore === "number" && notBefore > latest)) {
    refuseToken(what, "it is from the future");
  }
  return checked;
}

/** True from the second named by `exp` on, and the leeway later. */
export function hasExpired(
  { exp }: Pick<AccessClaims, "exp">,
  { nowSeconds, leewaySeconds }: Pick<ClaimsExpectation, "nowSeconds" | "leewaySeconds">,
): boolean {
  return nowSeconds >= exp + leewaySeconds;
}
