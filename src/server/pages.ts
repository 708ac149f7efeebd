// The web pages as static files: those of dist/console and dist/client, read once, on the first request for one.
// Owns which paths exist (an exact list, so no path leads out of the two folders), types, caching and the content
// security policy. Knows nothing about what is on a page.

import { hash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { PawlError } from "../core/errors.ts";
import type { Incoming, Outgoing } from "../http/exchange.ts";
import { problem } from "../http/problem.ts";

const contentTypes: Readonly<Record<string, string>> = {
  css: "text/css; charset=utf-8",
  html: "text/html; charset=utf-8",
  js: "text/javascript; charset=utf-8",
  png: "image/png",
  svg: "image/svg+xml; charset=utf-8",
};

const filesMax = 128;

/** Everything comes from this origin, nothing is inline, nobody frames it, and no string becomes script. */
const contentSecurityPolicy = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self' data:",
  "connect-src 'self'",
  "form-action 'self'",
  "base-uri 'none'",
  "frame-ancestors 'none'",
  "require-trusted-types-for 'script'",
  "trusted-types 'none'",
].join("; ");

interface Page {
  readonly body: Uint8Array;
  readonly etag: string;
  /** Name, value, name, value, … */
  readonly headers: readonly string[];
}

/** Serves pages. */
export type Pages = (incoming: Incoming) => Outgoing | undefined;

/**
 * Serves the files of `folder`/console (at `/` and `/console/`) and `folder`/client (at `/client/`).
 * Returns `undefined` for a path that is no page.
 */
export function createPages(folder: URL, issuer: string): Pages {
  const shared = sharedHeaders(issuer);
  let pages: ReadonlyMap<string, Page> | undefined;
  return (incoming) => {
    // A few small files, once: not worth the memory that asynchronous reading brings into the process.
    pages ??= readPages(folder, shared);
    const page = pages.get(incoming.path);
    // Not built yet: look again next time.
    if (pages.size === 0) pages = undefined;
    return page && answer(page, incoming, shared);
  };
}

function sharedHeaders(issuer: string): readonly string[] {
  const headers = [
    "x-content-type-options",
    "nosniff",
    "referrer-policy",
    "no-referrer",
    "cross-origin-opener-policy",
    "same-origin",
    "cross-origin-resource-policy",
    "same-origin",
    "x-frame-options",
    "DENY",
    "content-security-policy",
    contentSecurityPolicy,
  ];
  return issuer.startsWith("https:") ? [...headers, "strict-transport-security", "max-age=31536000"] : headers;
}

function readPages(folder: URL, shared: readonly string[]): ReadonlyMap<string, Page> {
  const pages = new Map<string, Page>();
  for (const part of ["console", "client"]) {
    const from = new URL(`${part}/`, folder);
    for (const name of listFolder(from).slice(0, filesMax)) {
      const type = contentTypes[name.split(".").at(-1) ?? ""];
      if (type === undefined) continue;
      const page = createPage(readFileSync(new URL(name, from)), type, shared);
      for (const path of pathsOf(part, name)) pages.set(path, page);
    }
  }
  return pages;
}

/** `/console/app.css` and `/app.css`; a page also without its ending: `/` and `/reset`. */
function pathsOf(part: string, name: string): string[] {
  const paths = [`/${part}/${name}`];
  if (part !== "console") return paths;
  paths.push(`/${name}`);
  if (name.endsWith(".html")) paths.push(name === "index.html" ? "/" : `/${name.slice(0, -".html".length)}`);
  return paths;
}

function listFolder(folder: URL): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

function createPage(body: Uint8Array, type: string, shared: readonly string[]): Page {
  const etag = `"${hash("sha256", body, "base64url").slice(0, 22)}"`;
  // File names carry no version: always ask, and mostly hear 304.
  const headers = ["content-type", type, "cache-control", "no-cache", "etag", etag, ...shared];
  return { body, etag, headers };
}

function answer(page: Page, incoming: Incoming, shared: readonly string[]): Outgoing {
  if (incoming.method !== "GET" && incoming.method !== "HEAD") {
    const refusal = problem(new PawlError("method_not_allowed"), [
      "content-type",
      "application/problem+json",
      ...shared,
    ]);
    refusal.headers.push("allow", "GET, HEAD");
    return refusal;
  }
  const known = incoming
    .header("if-none-match")
    ?.split(",")
    .map((tag) => tag.trim().replace(/^W\//, ""));
  if (known?.includes(page.etag) || known?.includes("*")) {
    return { status: 304, headers: page.headers.slice(2), body: undefined };
  }
  return { status: 200, headers: [...page.headers], body: incoming.method === "HEAD" ? undefined : page.body };
}
