// Who the client is when proxies stand in between (RFC 7239, X-Forwarded-For). Only headers that a trusted proxy sent
// are believed, read from the right: the right-most entry was written by the proxy next to us, everything left of the
// first address that is not trusted may have been invented by the client. Hosts and schemes are never taken from
// headers; the issuer is configuration.

import { BlockList, isIP, isIPv4, isIPv6 } from "node:net";
import { PawlError } from "../core/errors.ts";
import type { Incoming } from "./exchange.ts";

/** Addresses and CIDR networks whose forwarding headers are believed, or a function that says so of an address. */
export type TrustProxy = readonly string[] | ((address: string) => boolean);

const networksMax = 64;
const hopsMax = 16;
const keyCharactersMax = 64;

/** Headers that proxies add: one of them present means that the other end of the connection is not the client. */
const forwardingHeaders = [
  "forwarded",
  "x-forwarded-for",
  "x-forwarded-host",
  "x-forwarded-proto",
  "x-forwarded-port",
  "x-forwarded-server",
  "x-real-ip",
  "x-client-ip",
  "true-client-ip",
  "cf-connecting-ip",
  "fly-client-ip",
  "via",
] as const;

/**
 * A function that finds the client's address.
 * @throws PawlError `invalid_option` for an entry that is no address and no CIDR network.
 */
export function createClientAddress(trust: TrustProxy | undefined): (incoming: Incoming) => string | undefined {
  const networks = trust === undefined || typeof trust === "function" ? undefined : networkTest(trust);
  const isTrusted = typeof trust === "function" ? trust : trust?.length ? networks : undefined;
  return (incoming) => {
    const { address } = incoming.peer;
    if (address === undefined) return undefined;
    const peer = plainAddress(address);
    if (peer === undefined || isTrusted === undefined || !isTrusted(peer)) return peer;
    const forwarded = incoming.header("forwarded");
    const listed = incoming.header("x-forwarded-for");
    const fromForwarded = forwarded === undefined ? undefined : walk(peer, forwardedFor(forwarded), isTrusted);
    const fromListed = listed === undefined ? undefined : walk(peer, listed.split(","), isTrusted);
    if (fromForwarded !== undefined && fromListed !== undefined) {
      // A proxy writes one of the two and hands the other through; when they disagree, one was invented.
      return fromForwarded === fromListed ? fromListed : peer;
    }
    return fromForwarded ?? fromListed ?? peer;
  };
}

/** From the right: the first address that is not trusted, or the last one that could be read. */
function walk(peer: string, hops: readonly string[], isTrusted: (address: string) => boolean): string {
  let address = peer;
  for (const hop of hops.slice(-hopsMax).reverse()) {
    const next = plainAddress(hop.trim());
    if (next === undefined) return address;
    address = next;
    if (!isTrusted(address)) return address;
  }
  return address;
}

/** The `for` of each element of a Forwarded header; the empty string where there is none. */
function forwardedFor(header: string): string[] {
  return header.split(",").map((element) => {
    const pair = element.split(";").find((part) => /^\s*for\s*=/i.test(part)) ?? "";
    const value = pair.slice(pair.indexOf("=") + 1).trim();
    return value.startsWith('"') && value.endsWith('"') ? value.slice(1, -1) : value;
  });
}

/** An address without brackets, port, zone or IPv4-in-IPv6 wrapping; `undefined` when it is none. */
export function plainAddress(text: string): string | undefined {
  let bare = text;
  if (bare.startsWith("[")) bare = bare.slice(1, bare.indexOf("]"));
  else if (bare.indexOf(":") === bare.lastIndexOf(":") && bare.includes(".")) bare = bare.split(":", 1)[0] as string;
  const zone = bare.indexOf("%");
  if (zone !== -1) bare = bare.slice(0, zone);
  if (bare.length > 7 && bare.slice(0, 7).toLowerCase() === "::ffff:" && isIPv4(bare.slice(7))) return bare.slice(7);
  return isIP(bare) === 0 ? undefined : bare.toLowerCase();
}

function networkTest(networks: readonly string[]): (address: string) => boolean {
  const list = new BlockList();
  if (networks.length > networksMax) refuse(`at most ${networksMax} networks`);
  for (const network of networks) addNetwork(list, network);
  return (address) => list.check(address, isIPv4(address) ? "ipv4" : "ipv6");
}

function addNetwork(list: BlockList, network: string): void {
  const [address = "", bits, ...rest] = network.split("/");
  const family = isIP(address);
  const bitsMax = family === 4 ? 32 : 128;
  const prefix = bits === undefined ? bitsMax : /^\d{1,3}$/.test(bits) ? Number(bits) : -1;
  if (family === 0 || rest.length > 0 || prefix < 0 || prefix > bitsMax) refuse(`not an address or network`);
  list.addSubnet(address, prefix, family === 4 ? "ipv4" : "ipv6");
}

function refuse(why: string): never {
  throw new PawlError("invalid_option", `trustProxy: ${why}`, { field: "trustProxy" });
}

const loopback = networkTest(["127.0.0.0/8", "::1"]);

/** True for an address of this machine's loopback interface. */
export function isLoopbackAddress(address: string): boolean {
  const plain = plainAddress(address);
  return plain !== undefined && loopback(plain);
}

/**
 * True for a request that a program of this machine sent to us itself: loopback peer, no forwarding header, and the
 * `Host` of the issuer (a foreign name that was made to resolve to loopback is not it).
 */
export function isDirectLocal(incoming: Incoming, issuer: string): boolean {
  const { address } = incoming.peer;
  if (address === undefined || !isLoopbackAddress(address)) return false;
  if (forwardingHeaders.some((name) => incoming.header(name) !== undefined)) return false;
  return incoming.header("host")?.toLowerCase() === new URL(issuer).host;
}

/**
 * What limits count an address by: an IPv4 address (also when it comes mapped into IPv6) by itself; of IPv6 the /64,
 * because one subscriber holds at least that.
 */
export function addressKey(address: string): string {
  const plain = plainAddress(address) ?? address.slice(0, keyCharactersMax);
  if (!isIPv6(plain)) return plain;
  const [head = "", tail] = plain.split("::");
  const groups = head === "" ? [] : head.split(":");
  const after = tail === undefined || tail === "" ? [] : tail.split(":");
  // A dotted quad at the end stands for two groups.
  const width = after.length + (after.at(-1)?.includes(".") ? 1 : 0);
  while (groups.length < 8 - width) groups.push("0");
  const prefix = [...groups, ...after].slice(0, 4).map((group) => Number.parseInt(group, 16).toString(16));
  return `${prefix.join(":")}::/64`;
}
