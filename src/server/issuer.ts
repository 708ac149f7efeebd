// What follows from the options once the port is known: the issuer, who may register, and what a start warns about.
// Owns the defaults that depend on the issuer (CONTRACT section 1); checks no values, config.ts did.

import type { Settings } from "./config.ts";
import { isLoopbackHost } from "./option-values.ts";

/** The issuer: as given, or `http://localhost:<port>` with the port that is really listened on. */
export function issuerFor(settings: Settings, port: number): string {
  return settings.issuer ?? new URL(`http://localhost:${port}`).origin;
}

/** Who may register: as given, or open on a loopback issuer only. */
export function registrationFor(settings: Settings, issuer: string): "open" | "closed" {
  return settings.registration ?? (isLoopbackHost(new URL(issuer).hostname) ? "open" : "closed");
}

/** What a start under this issuer should warn about. */
export function warningsFor(settings: Settings, issuer: string): string[] {
  const { hostname, protocol } = new URL(issuer);
  const warnings = [...settings.warnings];
  if (!settings.rateLimit) warnings.push("rate limits are off (PAWL_RATE_LIMIT): for load tests only");
  if (protocol === "http:") {
    warnings.push("the issuer is plain http: the cookie is sent without Secure, for this machine only");
    if (!isLoopbackHost(settings.host)) {
      warnings.push(
        `listening on ${settings.host} with a loopback issuer: other machines reach this server over plain http; set PAWL_ISSUER to its https address`,
      );
    }
  } else if (settings.trustProxy.length === 0) {
    warnings.push(
      "the issuer is https and PAWL_TRUST_PROXY is not set: every request counts as the proxy's in limits and logs",
    );
  }
  for (const origin of settings.origins ?? []) {
    if (!looksSameSite(new URL(origin), protocol, hostname)) {
      warnings.push(
        `origin ${origin} does not look same-site with ${issuer}: a Strict cookie never arrives from there`,
      );
    }
  }
  return warnings;
}

/** Same scheme and same last two labels: without the public suffix list an estimate, good enough for a warning. */
function looksSameSite(origin: URL, protocol: string, hostname: string): boolean {
  const site = (name: string): string => (/^[\d.]+$|^\[/.test(name) ? name : name.split(".").slice(-2).join("."));
  return origin.protocol === protocol && site(origin.hostname) === site(hostname);
}
