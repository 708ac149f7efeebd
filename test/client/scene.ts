// The scene of the client's tests: the real server in a process of its own, a faulty network before it, and browsers
// (a cookie jar and a storage) with as many clients as a test opens.

import assert from "node:assert/strict";
import { after, type TestContext } from "node:test";
import { type Client, type ClientOptions, createClient, type SignedOutReason } from "../../src/client/index.ts";
import { type Server, serve } from "../server/program.ts";
import { type CookieJar, cookieJar, storage } from "./cookie-jar.ts";
import { type FaultyProxy, faultyProxy } from "./faulty-proxy.ts";

/** A browser: what its tabs share, and the way to open one. */
export interface Browser {
  readonly jar: CookieJar;
  readonly storage: ReturnType<typeof storage>;
  /** Why its tabs said that they were signed out, in order. */
  readonly farewells: SignedOutReason[];
  open(options?: ClientOptions): Client;
}

/** Server and network of one test file. */
export interface Scene {
  readonly server: Server;
  readonly network: FaultyProxy;
  browser(): Browser;
  /** A browser with one signed-in tab of a new account. */
  signedIn(options?: ClientOptions): Promise<{ browser: Browser; client: Client; email: string }>;
}

/** Good for every rule. */
export const password = "four unlikely words together";

let people = 0;

/** An address that nobody used before. */
export function newEmail(): string {
  people += 1;
  return `person${people}@example.com`;
}

/** Starts the server with `arguments_`; the test file ends it. */
export async function createScene(...arguments_: readonly string[]): Promise<Scene> {
  const server = await serve(["--store", "memory:", "--rate-limit", "off", ...arguments_]);
  const network = await faultyProxy(server.origin);
  after(async () => {
    await network.close();
    await server.stop();
  });
  const scene: Scene = {
    server,
    network,
    browser() {
      const jar = cookieJar();
      const shared = storage();
      const farewells: SignedOutReason[] = [];
      const open = (options: ClientOptions = {}): Client =>
        createClient({
          baseUrl: network.origin,
          fetch: jar.fetch,
          storage: shared,
          onSignedOut: (reason) => farewells.push(reason),
          ...options,
        });
      return { jar, storage: shared, farewells, open };
    },
    async signedIn(options) {
      const browser = scene.browser();
      const client = browser.open(options);
      const email = newEmail();
      await client.signUp({ email, password });
      network.passed.length = 0;
      network.fault = () => undefined;
      return { browser, client, email };
    },
  };
  return scene;
}

/** The promise rejects with this code. */
export async function refuses(promise: Promise<unknown>, code: string): Promise<void> {
  await assert.rejects(promise, (error: { code?: string }) => {
    assert.equal(error.code, code);
    return true;
  });
}

/** A gate that somebody opens. */
export function gate(): { readonly passed: Promise<void>; open(): void } {
  const { promise, resolve } = Promise.withResolvers<void>();
  return { passed: promise, open: resolve };
}

/** Waits until `isTrue`, at most some seconds. */
export async function until(isTrue: () => boolean): Promise<void> {
  const givesUpAt = performance.now() + 5_000;
  while (!isTrue()) {
    assert.ok(performance.now() < givesUpAt, "waited in vain");
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

/** Lets the monotonic clock run ahead. */
export function leap(test: TestContext): (seconds: number) => void {
  const now = performance.now.bind(performance);
  let ahead = 0;
  test.mock.method(performance, "now", () => now() + ahead);
  return (seconds) => {
    ahead += seconds * 1000;
  };
}
