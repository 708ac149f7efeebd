// What the URLs of databases have in common: parameters that are ours are taken out of them, the rest goes on to the database
// library. Owns the bounds of a pool. Opens nothing, and never repeats a URL: it may hold a password.

import type { PawlError } from "../core/errors.ts";
import { Refused } from "./refused.ts";

const connectionsDefault = 10;
const connectionsMax = 200;

/** A URL whose parameters can be taken out. */
export interface StoreUrl {
  /** Up to the question mark. */
  readonly base: string;
  /** Takes a parameter out. */
  take(name: string): string | undefined;
  /** The URL with the parameters that nobody took. */
  rest(): string;
}

/** Only the part after the question mark is taken apart: hosts and paths of sockets are the library's business. */
export function openStoreUrl(text: string): StoreUrl {
  const at = text.indexOf("?");
  const base = at === -1 ? text : text.slice(0, at);
  const parameters = new URLSearchParams(at === -1 ? "" : text.slice(at + 1));
  return {
    base,
    take: (name) => {
      const value = parameters.get(name) ?? undefined;
      parameters.delete(name);
      return value;
    },
    rest: () => base + (parameters.size === 0 ? "" : `?${parameters}`),
  };
}

/** Connections of the pool: 1 to 200, default 10. @throws Refused */
export function takeConnections(url: StoreUrl): number {
  const text = url.take("connections") ?? String(connectionsDefault);
  if (/^\d{1,3}$/.test(text) && Number(text) >= 1 && Number(text) <= connectionsMax) return Number(text);
  throw new Refused(`connections is a whole number from 1 to ${connectionsMax}`);
}

/** Takes `true` or `false` out. @throws Refused */
export function takeFlag(url: StoreUrl, name: string, otherwise: boolean): boolean {
  const text = url.take(name) ?? String(otherwise);
  if (text === "true" || text === "false") return text === "true";
  throw new Refused(`${name} is true or false`);
}

/** Takes a name out that the store checks itself. @throws Refused with what the store says. */
export function takeName(url: StoreUrl, name: string, check: (text: string) => string): string | undefined {
  const text = url.take(name);
  try {
    return text === undefined ? undefined : check(text);
  } catch (error) {
    throw new Refused((error as PawlError).detail);
  }
}
