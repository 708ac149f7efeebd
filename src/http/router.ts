// Which route a path is: an exact match, or one last `{name}` segment. Owns the table and what `Allow` says; runs no
// checks and reads nothing but path and method.

import { PawlError } from "../core/errors.ts";
import type { Endpoint } from "./endpoint.ts";

/** The endpoints of one path. */
export interface Route {
  /** The path as in the table. */
  readonly pattern: string;
  /** True for documents that any origin may read. */
  readonly isPublic: boolean;
  /** True for OAuth endpoints: their errors are those of RFC 6749 section 5.2. */
  readonly isOAuth: boolean;
  /** The methods of the endpoints, for CORS. */
  readonly methods: string;
  /** What `Allow` says (RFC 9110 section 10.2.1). */
  readonly allow: string;
  /** A HEAD request is served as GET (RFC 9110 section 9.3.2). */
  endpointFor(method: string): Endpoint | undefined;
}

/** A route and the value of its `{name}` segment. */
export interface Found {
  readonly route: Route;
  readonly parameter: string;
}

/**
 * Builds the table.
 * @throws PawlError `invalid_option` when two endpoints share method and path.
 */
export function createRouter(
  endpoints: readonly Endpoint[],
  publicEndpoints: readonly Endpoint[],
): (path: string) => Found | undefined {
  const exact = new Map<string, Found>();
  const withParameter = new Map<string, Route>();
  const byPath = new Map<string, Endpoint[]>();
  for (const endpoint of [...endpoints, ...publicEndpoints]) {
    const group = byPath.get(endpoint.path);
    if (group === undefined) byPath.set(endpoint.path, [endpoint]);
    else group.push(endpoint);
  }
  for (const [path, group] of byPath) {
    const route = createRoute(path, group, publicEndpoints.includes(group[0] as Endpoint));
    const brace = path.indexOf("{");
    if (brace === -1) exact.set(path, { route, parameter: "" });
    else withParameter.set(path.slice(0, brace), route);
  }
  return (path) => {
    const found = exact.get(path);
    if (found !== undefined) return found;
    const cut = path.lastIndexOf("/") + 1;
    if (cut === path.length) return undefined;
    const route = withParameter.get(path.slice(0, cut));
    return route && { route, parameter: path.slice(cut) };
  };
}

function createRoute(pattern: string, group: readonly Endpoint[], isPublic: boolean): Route {
  const byMethod = new Map<string, Endpoint>();
  for (const endpoint of group) {
    if (byMethod.has(endpoint.method)) {
      throw new PawlError("invalid_option", `${endpoint.method} ${pattern} is taken`, { field: "extraEndpoints" });
    }
    byMethod.set(endpoint.method, endpoint);
  }
  const get = byMethod.get("GET");
  if (get !== undefined) byMethod.set("HEAD", get);
  const methods = [...byMethod.keys()].join(", ");
  return {
    pattern,
    isPublic,
    isOAuth: group.some(({ body }) => body === "form"),
    methods,
    allow: `${methods}, OPTIONS`,
    endpointFor: (method) => byMethod.get(method),
  };
}
