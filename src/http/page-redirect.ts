// A page opened under another name of this machine than the issuer's (127.0.0.1 instead of localhost): its origin would
// not be the issuer's and its cookies would be others, so the browser is sent to the issuer. Only for loopback issuers,
// only for pages, only to the issuer itself.

import type { Incoming, Outgoing } from "./exchange.ts";
import { isLoopbackAddress } from "./proxy.ts";

/** A function that answers such a request, and no other. */
export function createLoopbackRedirect(issuer: string): (incoming: Incoming) => Outgoing | undefined {
  const { protocol, host, hostname, port, origin } = new URL(issuer);
  if (protocol !== "http:" || !isLoopbackName(hostname)) return () => undefined;
  return (incoming) => {
    if (incoming.method !== "GET" && incoming.method !== "HEAD") return undefined;
    const asked = incoming.header("host")?.toLowerCase();
    if (asked === undefined || asked === host || !isPageRequest(incoming)) return undefined;
    const colon = asked.lastIndexOf(":");
    const hasPort = colon > asked.lastIndexOf("]");
    const askedName = hasPort ? asked.slice(0, colon) : asked;
    const askedPort = hasPort ? asked.slice(colon + 1) : "";
    if (askedPort !== port || !isLoopbackName(askedName) || !incoming.path.startsWith("/")) return undefined;
    const query = incoming.query === "" ? "" : `?${incoming.query}`;
    const headers = ["location", `${origin}${incoming.path}${query}`, "cache-control", "no-store", "vary", "Host"];
    return { status: 307, headers, body: undefined };
  };
}

/** The start page for anybody, other paths for those who ask for a page: /healthz and the like answer under any name. */
function isPageRequest(incoming: Incoming): boolean {
  if (incoming.path === "/") return true;
  return incoming.header("accept")?.includes("text/html") ?? false;
}

/** RFC 6761 section 6.3: `localhost` and every name below it mean this machine. */
function isLoopbackName(name: string): boolean {
  return name === "localhost" || name.endsWith(".localhost") || isLoopbackAddress(name);
}
