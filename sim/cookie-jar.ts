// A cookie jar: a fetch that keeps and sends cookies as a browser's jar does for one origin, shared by as many clients
// ("tabs") as a caller wants. Knows no token and no server.

/** A jar with its fetch. */
export interface CookieJar {
  /** `isWanted` is asked when the headers have arrived: `false` leaves the jar as it is. */
  readonly fetch: (request: Request, isWanted?: () => boolean) => Promise<Response>;
  readonly cookies: Map<string, string>;
}

/** An empty jar. */
export function cookieJar(): CookieJar {
  const cookies = new Map<string, string>();
  return {
    cookies,
    async fetch(request, isWanted = () => true) {
      const sent = new Request(request);
      if (cookies.size > 0)
        sent.headers.set("cookie", [...cookies].map(([name, value]) => `${name}=${value}`).join("; "));
      const response = await fetch(sent);
      if (!isWanted()) return response;
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
