// The scene of the client's tests in real browsers: a page that holds a client, on an origin with the real server behind
// it. Owns the page and the words that a test says to it; the network and its faults are those of test/client.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createServer as createHttpServer, type Server } from "node:http";
import { createServer as createHttpsServer } from "node:https";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { after, before, describe } from "node:test";
import { freePort } from "../../sim/free-port.ts";
import { type Program, startProgram, temporaryFolder } from "../../sim/program.ts";
import { type Passed, wholeRequests } from "../../sim/proxy.ts";
import { type Fault, passOn } from "../client/faulty-proxy.ts";
import { testCertificate } from "./certificate.ts";
import { poll } from "./deadline.ts";
import { type Browser, type EngineName, engines, launch, type Tab } from "./engines.ts";

/** Where the page is: on plain http under a loopback name, or on https under a name of its own. */
export type Place = "http://localhost" | "https://app.test";
export const places: readonly Place[] = ["http://localhost", "https://app.test"];

/** What runs in the page of a tab: see {@link page}. */
export interface PageOfClient {
  // biome-ignore lint/suspicious/noExplicitAny: the client of the built package, as a page sees it
  readonly client: any;
  readonly farewells: string[];
  /** Lets the monotonic clock run ahead by seconds, as after a sleep that it counted. */
  leap(seconds: number): void;
}

/** The site of one test file. */
export interface Scene {
  readonly origin: string;
  /** Another origin of the same site, whose pages may call the server; it has the same page. */
  readonly sibling: string;
  /** An origin of somebody else, which answers everything and allows every page to ask. */
  readonly foreign: string;
  /** Requests to the server. */
  readonly passed: Passed[];
  /** Requests to the foreign origin. */
  readonly strayed: Passed[];
  /** What pages noted, with the instant. */
  readonly notes: { readonly what: string; readonly at: number }[];
  to(path: string): Passed[];
  fault: (passed: Passed) => Fault | undefined;
  close(): Promise<void>;
}

/** Good for every rule. */
export const password = "four unlikely words together";
const clientFolder = join(import.meta.dirname, "../../dist/client");
const moduleShape = /^\/client\/([a-z]+\.js)$/;

/**
 * `?clock=<seconds>` sets the wall clock wrong, `?storage=off` forbids the storage, before the client is loaded;
 * `?issuer=<origin>` names the server. `?ask` refreshes as soon as the client is there, and notes at the site what happens: a
 * page that came back cannot be asked in every engine.
 */
export const page = `<!doctype html><meta charset="utf-8"><title>Client</title><link rel="icon" href="data:,">
<script>
  const asked = new URLSearchParams(location.search);
  const wrongBy = Number(asked.get("clock") ?? 0) * 1000;
  const trueNow = Date.now;
  Date.now = () => trueNow() + wrongBy;
  const steady = performance.now.bind(performance);
  let ahead = 0;
  performance.now = () => steady() + ahead;
  globalThis.leap = (seconds) => { ahead += seconds * 1000; };
  globalThis.farewells = [];
  if (asked.get("storage") === "off") {
    Object.defineProperty(globalThis, "localStorage", { get() { throw new Error("forbidden"); } });
  }
</script>
<script type="module">
  import { createClient } from "/client/index.js";
  const issuer = asked.get("issuer");
  globalThis.client = createClient({ ...(issuer && { baseUrl: issuer }), onSignedOut: (reason) => farewells.push(reason) });
  if (asked.has("ask")) {
    const note = (what) => fetch("/note/" + what, { method: "POST", keepalive: true });
    addEventListener("pageshow", ({ persisted }) => note(persisted ? "kept" : "loaded"));
    client.session.subscribe(() => note(client.session.getSnapshot().status));
    client.refresh();
  }
</script>`;

/** Starts server and front. */
export async function createScene(place: Place, environment: Record<string, string> = {}): Promise<Scene> {
  const folder = temporaryFolder();
  const isHttps = place.startsWith("https");
  let program: Program | undefined;
  const strayed: Passed[] = [];
  const passed: Passed[] = [];
  const notes: { what: string; at: number }[] = [];
  const port = await freePort();
  const listener = wholeRequests(async (request, outgoing) => {
    const path = request.path.split("?")[0] as string;
    const [, name] = moduleShape.exec(path) ?? [];
    const host = request.headers.host ?? "";
    if (host === new URL(scene.foreign).host && host !== new URL(scene.origin).host) {
      strayed.push(request);
      const allow = { "access-control-allow-headers": "authorization", "access-control-allow-origin": "*" };
      outgoing.writeHead(200, { ...allow, "content-type": "text/html" }).end("foreign");
    } else if (path === "/page" || path === "/elsewhere") {
      outgoing.writeHead(200, { "content-type": "text/html" }).end(path === "/page" ? page : "elsewhere");
    } else if (name !== undefined) {
      outgoing.writeHead(200, { "content-type": "text/javascript" }).end(readFileSync(join(clientFolder, name)));
    } else if (path.startsWith("/note/")) {
      notes.push({ what: path.slice("/note/".length), at: performance.now() });
      outgoing.writeHead(204).end();
    } else if (path === "/redirect") {
      outgoing.writeHead(307, { location: `${scene.foreign}/elsewhere` }).end();
    } else {
      const counted = { ...request, path };
      passed.push(counted);
      await passOn(request, scene.fault(counted), new URL(`http://127.0.0.1:${port}`), outgoing);
    }
  });
  const servers: Server[] = [];
  const listen = async (): Promise<number> => {
    const server: Server = isHttps ? createHttpsServer({ ...testCertificate() }, listener) : createHttpServer(listener);
    servers.push(server);
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    return (server.address() as AddressInfo).port;
  };
  const front = await listen();
  const scene: Scene = {
    origin: `${place}:${front}`,
    sibling: `${place}:${await listen()}`,
    foreign: isHttps ? `https://evil.test:${front}` : `http://127.0.0.1:${front}`,
    passed,
    strayed,
    notes,
    to: (path) => passed.filter((each) => each.path === path),
    fault: () => undefined,
    async close() {
      for (const server of servers) {
        server.closeAllConnections();
        await new Promise((resolve) => server.close(resolve));
      }
      await program?.stop();
      folder.remove();
    },
  };
  program = await startProgram(folder.path, {
    port,
    environment: {
      PAWL_ISSUER: scene.origin,
      PAWL_ORIGINS: `${scene.origin},${scene.sibling}`,
      PAWL_RATE_LIMIT: "off",
      PAWL_REGISTRATION: "open",
      ...environment,
    },
  });
  return scene;
}

let people = 0;

/** An address that nobody used before. */
export function newEmail(): string {
  people += 1;
  return `person${people}.${process.pid}@example.com`;
}

/** Loads the page into `tab` and waits for its client. */
export async function openPage(tab: Tab, scene: Scene, query = ""): Promise<void> {
  await tab.goto(`${scene.origin}/page${query}`);
  await poll(async () => (await tab.evaluate("typeof client === 'object'")) || undefined, 5000, "the client");
}

/** Signs a new person in; forgets what passed and every fault. */
export async function signUp(tab: Tab, scene: Scene): Promise<string> {
  const email = newEmail();
  scene.fault = () => undefined;
  await tab.evaluate((input) => client.signUp(input).then(() => undefined), { email, password });
  scene.passed.length = 0;
  return email;
}

/** What a tab knows. */
export interface Known {
  readonly status: string;
  readonly reason: string | null;
  readonly email: string | null;
  readonly sid: string | null;
  readonly farewells: readonly string[];
}

/** Asks a tab. */
export function known(tab: Tab): Promise<Known> {
  return tab.evaluate(() => {
    const { status, reason, user, session } = client.session.getSnapshot();
    return { status, reason, email: user?.email ?? null, sid: session?.id ?? null, farewells };
  });
}

/** The tab says `status` within `milliseconds`. */
export async function becomes(tab: Tab, status: string, milliseconds: number): Promise<void> {
  const from = performance.now();
  await poll(async () => ((await known(tab)).status === status ? true : undefined), milliseconds + 4000, status);
  const took = Math.round(performance.now() - from);
  assert.ok(took <= milliseconds, `${status} after ${took} ms, at most ${milliseconds}`);
}

/** Refreshes; `true`, `false`, or the code of what stood against it. */
export function refresh(tab: Tab): Promise<boolean | string> {
  return tab.evaluate(() => client.refresh().catch((error: { code: string }) => error.code));
}

/** What a group of tests has while it runs. */
export interface Stage {
  readonly place: Place;
  scene: Scene;
  browser: Browser;
}

/**
 * Where each browser goes: all of them everywhere takes long, and what a browser does differently on https is cookies, which
 * forged.test.ts and platform.test.ts try in every browser at every place. PAWL_TEST_PLACES=all is for all of them.
 */
const placesOf: Readonly<Record<EngineName, readonly Place[]>> = {
  chromium: places,
  firefox: ["http://localhost"],
  webkit: ["https://app.test"],
};

/** Defines a group of tests for every browser, and every place between them; the stage is set before the first of them. */
export function everywhere(what: string, define: (stage: Stage) => void): void {
  for (const { name: engine, skip } of engines) {
    for (const place of process.env.PAWL_TEST_PLACES === "all" ? places : placesOf[engine]) {
      describe(`${what} in ${engine} on ${place}`, { skip, concurrency: false }, () => {
        const stage: Partial<Stage> & Pick<Stage, "place"> = { place };
        before(async () => {
          stage.scene = await createScene(place);
          stage.browser = await launch(engine);
        });
        after(async () => {
          await stage.browser?.close();
          await stage.scene?.close();
        });
        define(stage as Stage);
      });
    }
  }
}

// In functions that run in the page.
declare const client: PageOfClient["client"];
declare const farewells: PageOfClient["farewells"];
