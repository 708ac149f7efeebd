// A cookie jar for tests: a fetch that keeps and sends cookies as a browser's jar does for one origin, shared by as
// many clients ("tabs") as a test wants.

/** A jar with its fetch. */
export interface CookieJar {
  readonly fetch: (request: Request) => Promise<Response>;
  readonly cookies: Map<string, string>;
}

/** An empty jar. */
export function cookieJar(): CookieJar {
  const cookies = new Map<string, string>();
  return {
    cookies,
    async fetch(request) {
      const sent = new Request(request);
      if (cookies.size > 0)
        sent.headers.set("cookie", [...cookies].map(([name, value]) => `${name}=${value}`).join("; "));
      const response = await fetch(sent);
      for (const line of response.headers.getSetCookie()) {
        const [pair = "", ...attributes] = line.split("; ");
        const [name = "", value = ""] = pair.split(/=(.*)/s);
        if (attributes.includes("Max-Age=0")) cookies.delete(name);
        else cookies.set(name, value);
      }
      return response;
    },
  };
}

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
