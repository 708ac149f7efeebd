// Readers of option values: from the text of a flag, a variable or a member of the configuration to a checked value.
// Every reader returns the value or throws Refused; none touches the disk or the network.
// The table of options (names, defaults, accepted values in words) is config.ts.

import { BlockList, isIP, isIPv4, isIPv6 } from "node:net";
import { readMysqlUrl } from "./mysql-url.ts";
import { readPostgresUrl } from "./postgres-url.ts";
import { Refused } from "./refused.ts";

export { Refused } from "./refused.ts";

const unitSeconds: Readonly<Record<string, number>> = { "": 1, s: 1, m: 60, h: 3600, d: 86_400 };

/** Whole seconds out of `900`, `30s`, `15m`, `12h` or `7d`. */
export function readDuration(text: string): number {
  const match = /^(\d{1,9})([smhd]?)$/.exec(text);
  if (match === null) throw new Refused();
  return Number(match[1]) * (unitSeconds[match[2] ?? ""] ?? 1);
}

/** A duration of at least a day, or `off`, which is 0. */
export function readKeyRotation(text: string): number {
  if (text === "off") return 0;
  const seconds = readDuration(text);
  if (seconds < 86_400 || seconds > 400 * 86_400) throw new Refused();
  return seconds;
}

/** A whole number in decimal digits. */
export function readWhole(min: number, max: number): (text: string) => number {
  return (text) => {
    const value = /^\d{1,9}$/.test(text) ? Number(text) : Number.NaN;
    if (!(value >= min && value <= max)) throw new Refused();
    return value;
  };
}

/** One of the given words, exactly. */
export function readWord<Word extends string>(...words: readonly Word[]): (text: string) => Word {
  return (text) => {
    const word = words.find((each) => each === text);
    if (word === undefined) throw new Refused();
    return word;
  };
}

/** True for host names that can only mean this machine (RFC 6761 section 6.3, RFC 5735, RFC 4291). */
export function isLoopbackHost(host: string): boolean {
  const name = host.startsWith("[") ? host.slice(1, -1) : host.toLowerCase();
  if (isIPv4(name)) return name.startsWith("127.");
  return name === "localhost" || name.endsWith(".localhost") || name === "::1";
}

function readUrl(text: string): URL {
  try {
    return new URL(text);
  } catch {
    throw new Refused();
  }
}

/** The issuer: an origin, https or, for loopback hosts only, http. */
export function readIssuer(text: string): string {
  const url = readUrl(text);
  if (url.protocol !== "https:" && url.protocol !== "http:") throw new Refused();
  // Cookies with the __Host- prefix and RFC 8414 metadata both live at the root of a host.
  const bare = url.pathname === "/" && url.search === "" && url.hash === "" && !/[?#]/.test(text);
  if (!bare || url.username !== "" || url.password !== "") throw new Refused();
  if (url.protocol === "http:" && !isLoopbackHost(url.hostname)) {
    throw new Refused("plain http is accepted for loopback hosts only; use https");
  }
  return url.origin;
}

const originsMax = 64;

/** Exact origins, comma-separated. */
export function readOrigins(text: string): readonly string[] {
  const parts = text.split(",").map((part) => part.trim());
  if (parts.length > originsMax) throw new Refused(`at most ${originsMax}`);
  return parts.map((part) => {
    const url = readUrl(part);
    const web = url.protocol === "https:" || url.protocol === "http:";
    // A path, a wildcard or an opaque origin ("null") never equals what a browser sends in Origin.
    if (!web || (part !== url.origin && part !== `${url.origin}/`) || part.includes("*")) throw new Refused();
    return url.origin;
  });
}

const hostNameShape =
  /^(?=.{1,253}$)[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?(\.[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?)*$/;

/** A listen address: `localhost`, an address (IPv6 with or without brackets) or a host name. */
export function readHost(text: string): string {
  const host = text.startsWith("[") && text.endsWith("]") ? text.slice(1, -1) : text;
  if (isIP(host) !== 0) return host;
  // Digits and dots that are no address would be looked up as a name and fail late.
  if (host !== text || /^[\d.]+$/.test(host) || !hostNameShape.test(host)) throw new Refused();
  return host.toLowerCase();
}

/** Where sessions live. */
export type StoreChoice =
  | { readonly kind: "memory" }
  | {
      readonly kind: "sqlite";
      /** As given: relative to the working folder. */
      readonly file: string;
    }
  | {
      readonly kind: "postgres" | "mysql" | "redis";
      /** As given, password included: it must not reach a log or an error. */
      readonly url: string;
    };

/** True for a store that several machines share: its secret comes from outside. */
export function isNetworked({ kind }: StoreChoice): boolean {
  return kind !== "memory" && kind !== "sqlite";
}

/** `redis:` or `rediss:`, a host, and the number of a database where it is not the first. */
function readRedisUrl(text: string): void {
  const url = readUrl(text);
  const isBare = url.search === "" && url.hash === "" && /^\/?$|^\/\d{1,5}$/.test(url.pathname);
  if (url.hostname === "" || !isBare) throw new Refused();
}

/** `sqlite:<file>`, `postgres://…`, `mysql://…` (`mariadb://…`), `redis://…` (`rediss://…`) or `memory:`. */
export function readStore(text: string): StoreChoice {
  if (text === "memory:") return { kind: "memory" };
  const scheme = /^([A-Za-z]+):/.exec(text)?.[1]?.toLowerCase();
  if (scheme === "postgres" || scheme === "postgresql") {
    readPostgresUrl(text);
    return { kind: "postgres", url: text };
  }
  if (scheme === "mysql" || scheme === "mariadb") {
    readMysqlUrl(text);
    return { kind: "mysql", url: text };
  }
  if (scheme === "redis" || scheme === "rediss") {
    readRedisUrl(text);
    return { kind: "redis", url: text };
  }
  const file = text.slice("sqlite:".length);
  if (!text.startsWith("sqlite:") || file.trim() === "" || file.includes("\0")) throw new Refused();
  if (file === ":memory:") throw new Refused("for a store without a file use memory:");
  return { kind: "sqlite", file };
}

const networksMax = 64;

/** Addresses and CIDR networks, comma-separated. */
export function readNetworks(text: string): readonly string[] {
  const parts = text.split(",").map((part) => part.trim());
  if (parts.length > networksMax) throw new Refused(`at most ${networksMax}`);
  const probe = new BlockList();
  for (const part of parts) {
    const [address = "", prefix, ...rest] = part.split("/");
    const family = isIPv4(address) ? "ipv4" : isIPv6(address) ? "ipv6" : undefined;
    if (family === undefined || rest.length > 0) throw new Refused();
    if (prefix !== undefined && !/^\d{1,3}$/.test(prefix)) throw new Refused();
    const bits = prefix === undefined ? (family === "ipv4" ? 32 : 128) : Number(prefix);
    if (bits > (family === "ipv4" ? 32 : 128)) throw new Refused();
    if (bits === 0) throw new Refused("a network of every address would believe everybody");
    probe.addSubnet(address, bits, family);
  }
  return parts;
}

/** A bearer token (RFC 6750 section 2.1, `b64token`), at most 256 characters. */
export function readBearer(text: string): string {
  if (!/^[A-Za-z0-9\-._~+/]{1,256}=*$/.test(text) || text.length > 256) throw new Refused();
  return text;
}

/** A name without control characters or spaces, at most 255 characters. */
export function readAudience(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is refused here
  if (text.length > 255 || /[\u0000-\u0020\u007f-\u009f]/.test(text)) throw new Refused();
  return text;
}
