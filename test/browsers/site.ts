// The app under test and its neighbours: the real server as a process, before it a front in this process that gives out
// the names app, sub and evil, serves the pages of tests and records every request to the app. Owns names, pages and
// records; the scene of the client's tests, which needs one name and faults, is client-scene.ts.

import { createServer as createHttpServer, type Server, type ServerResponse } from "node:http";
import { createServer as createHttpsServer } from "node:https";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { freePort } from "../../sim/free-port.ts";
import { startProgram, temporaryFolder } from "../../sim/program.ts";
import { type Answer, type Passed, wholeRequests } from "../../sim/proxy.ts";
import { passOn } from "../client/faulty-proxy.ts";
import { testCertificate } from "./certificate.ts";
import type { Place } from "./client-scene.ts";
import { within } from "./deadline.ts";

/** Whose page it is: the app's, that of a neighbour on the same site, that of a stranger. */
export type Host = "app" | "sub" | "evil";

/** What a path answers: HTML, or a function of the request. */
export type Page = string | ((passed: Passed, outgoing: ServerResponse) => void);

/** A request to the app that was passed on to the server. */
export interface Seen {
  readonly method: string;
  /** With its query. */
  readonly path: string;
  readonly origin: string | undefined;
  /** Sec-Fetch-Site. */
  readonly site: string | undefined;
  readonly hasCookie: boolean;
  /** What the server answered, whether or not that arrived. */
  answer?: { readonly status: number; readonly setsCookie: boolean };
}

/** A running site. */
export interface Site {
  readonly origins: Readonly<Record<Host, string>>;
  readonly seen: readonly Seen[];
  /** Serves `page` at `path` (without a query) of a host; on the app it hides the server's own. */
  serve(host: Host, path: string, page: Page): void;
  /** Resolves once a request whose path contains `part` has been answered by the server. */
  answered(part: string): Promise<Seen>;
  /** Everything the server stores, as text: equal before and after means that nothing changed. */
  stored(): string;
  close(): Promise<void>;
}

const answerMillisecondsMax = 10_000;

/** Starts server and front. */
export async function startSite(place: Place): Promise<Site> {
  const folder = temporaryFolder();
  const pages = new Map<string, Page>();
  const records = createRecords();
  const target = new URL(`http://127.0.0.1:${await freePort()}`);
  const listener = wholeRequests(async (passed, outgoing) => {
    const host = hostOf(origins, passed.headers.host);
    const page = pages.get(`${host} ${passed.path.split("?")[0]}`);
    if (page !== undefined) return answerPage(page, passed, outgoing);
    if (host !== "app") return void outgoing.writeHead(404).end();
    const seen = records.add(passed);
    await passOn(forwarded(passed, place), undefined, target, outgoing, (answer) => {
      records.answer(seen, answer);
    });
  });
  const open = async (): Promise<Server> => {
    const server = place.startsWith("https")
      ? createHttpsServer({ ...testCertificate() }, listener)
      : createHttpServer(listener);
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    return server;
  };
  const servers = [await open(), await open()] as const;
  const [port, otherPort] = servers.map((server) => (server.address() as AddressInfo).port) as [number, number];
  const origins = originsOf(place, port, otherPort);
  const program = await startProgram(folder.path, {
    port: Number(target.port),
    environment: {
      PAWL_ISSUER: origins.app,
      PAWL_TRUST_PROXY: "127.0.0.1,::1",
      PAWL_RATE_LIMIT: "off",
      PAWL_REGISTRATION: "open",
    },
  });
  return {
    origins,
    seen: records.all,
    serve: (host, path, page) => void pages.set(`${host} ${path}`, page),
    answered: records.answered,
    stored: () => readStored(join(folder.path, "pawl.db")),
    async close() {
      for (const server of servers) server.closeAllConnections();
      await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
      await program.stop();
      folder.remove();
    },
  };
}

/**
 * On https, names below .test. On plain http the server accepts loopback names only: another port of `localhost` is
 * same-site as another subdomain is, 127.0.0.1 is another site.
 */
function originsOf(place: Place, port: number, otherPort: number): Site["origins"] {
  if (place === "http://localhost") {
    return {
      app: `${place}:${port}`,
      sub: `http://localhost:${otherPort}`,
      evil: `http://127.0.0.1:${otherPort}`,
    };
  }
  return { app: `${place}:${port}`, sub: `https://sub.app.test:${port}`, evil: `https://evil.test:${port}` };
}

function hostOf(origins: Site["origins"], asked: string | undefined): Host | undefined {
  return (Object.keys(origins) as Host[]).find((host) => new URL(origins[host]).host === asked);
}

function answerPage(page: Page, passed: Passed, outgoing: ServerResponse): void {
  if (typeof page === "function") page(passed, outgoing);
  else outgoing.writeHead(200, { "content-type": "text/html; charset=utf-8", "cache-control": "no-store" }).end(page);
}

/** As a proxy hands it on. */
function forwarded(passed: Passed, place: Place): Passed {
  const { host = "" } = passed.headers;
  const added = {
    "x-forwarded-for": "127.0.0.1",
    "x-forwarded-proto": new URL(place).protocol.slice(0, -1),
    "x-forwarded-host": host,
  };
  return { ...passed, headers: { ...passed.headers, ...added } };
}

interface Records {
  readonly all: readonly Seen[];
  add(passed: Passed): Seen;
  answer(seen: Seen, answer: Answer): void;
  answered(part: string): Promise<Seen>;
}

function createRecords(): Records {
  const all: Seen[] = [];
  const listeners = new Set<(seen: Seen) => void>();
  return {
    all,
    add({ method, path, headers }) {
      const site = headers["sec-fetch-site"] as string | undefined;
      const seen: Seen = { method, path, origin: headers.origin, site, hasCookie: headers.cookie !== undefined };
      all.push(seen);
      return seen;
    },
    answer(seen, { status, headers }) {
      seen.answer = { status, setsCookie: headers["set-cookie"] !== undefined };
      for (const listener of listeners) listener(seen);
    },
    async answered(part) {
      const isIt = ({ path, answer }: Seen): boolean => answer !== undefined && path.includes(part);
      const before = all.find(isIt);
      if (before !== undefined) return before;
      const { promise, resolve } = Promise.withResolvers<Seen>();
      const listener = (seen: Seen): void => {
        if (isIt(seen)) resolve(seen);
      };
      listeners.add(listener);
      return within(promise, answerMillisecondsMax, `an answer to ${part}`).finally(() => listeners.delete(listener));
    },
  };
}

function readStored(path: string): string {
  const database = new DatabaseSync(path, { readOnly: true });
  try {
    const rows = ["sessions", "documents"].map((table) => database.prepare(`SELECT * FROM ${table}`).all());
    return JSON.stringify(rows);
  } finally {
    database.close();
  }
}
