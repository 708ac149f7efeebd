// From a peer's address to the key under which it is throttled.
// Owns the grouping: an IPv6 customer holds a whole /64, so all of it counts as one; an IPv4 address counts by itself,
// also when it comes mapped into IPv6.

import { isIPv4, isIPv6 } from "node:net";

const keyCharactersMax = 64;
const groupsOfPrefix = 4;
const groupsOfAddress = 8;

/** The first four groups of a valid IPv6 address, without leading zeros. */
function prefixOf(address: string): string {
  const [head = "", tail] = address.split("::");
  const groups = head === "" ? [] : head.split(":");
  if (tail !== undefined) {
    const after = tail === "" ? [] : tail.split(":");
    // A dotted quad at the end stands for two groups.
    const width = after.length + (after.at(-1)?.includes(".") ? 1 : 0);
    while (groups.length < groupsOfAddress - width) groups.push("0");
    groups.push(...after);
  }
  const prefix = groups.slice(0, groupsOfPrefix).map((group) => Number.parseInt(group, 16).toString(16));
  return `${prefix.join(":")}::/64`;
}

/** The throttling key of an address; `undefined` when none is known. */
export function addressKey(ip: string | undefined): string | undefined {
  if (ip === undefined || ip === "") return undefined;
  const bare = ip.split("%", 1)[0] ?? ip;
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(bare)?.[1] ?? bare;
  if (isIPv4(mapped)) return mapped;
  if (isIPv6(mapped)) return prefixOf(mapped);
  return ip.slice(0, keyCharactersMax);
}
