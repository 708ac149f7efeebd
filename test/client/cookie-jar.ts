// What tabs of one browser share, for tests: the cookie jar (sim/cookie-jar.ts owns it) and a storage.
// Knows no client and no server.

export type { CookieJar } from "../../sim/cookie-jar.ts";
export { cookieJar } from "../../sim/cookie-jar.ts";

/** A storage as in a browser, shared by tabs of one origin. */
export function storage(): Storage & { readonly entries: Map<string, string> } {
  const entries = new Map<string, string>();
  return {
    entries,
    getItem: (name: string) => entries.get(name) ?? null,
    setItem: (name: string, value: string) => void entries.set(name, value),
    removeItem: (name: string) => void entries.delete(name),
    clear: () => entries.clear(),
    key: (index: number) => [...entries.keys()][index] ?? null,
    get length() {
      return entries.size;
    },
  };
}
