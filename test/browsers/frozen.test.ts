// What only Chromium lets a test do to a page: freeze it as a laptop or a phone does, thaw it, and prerender it. A frozen
// tab holds nobody up for long, and a page that wakes is signed in.

import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import type { Browser, CDPSession, Page } from "playwright-core";
import { chromiumMissing, launchChromium } from "../console/chromium.ts";
import { createScene, newEmail, type PageOfClient, password, type Scene } from "./client-scene.ts";

declare const client: PageOfClient["client"];
declare const farewells: PageOfClient["farewells"];

const accessTtlSeconds = 2;

describe("a frozen tab in chromium", { skip: chromiumMissing, concurrency: false }, () => {
  let scene: Scene;
  let browser: Browser;
  before(async () => {
    scene = await createScene("http://localhost", { PAWL_ACCESS_TTL: `${accessTtlSeconds}s` });
    browser = await launchChromium();
  });
  after(async () => {
    await browser?.close();
    await scene?.close();
  });

  async function open(
    count: number,
  ): Promise<{ pages: Page[]; freeze: (page: Page, isFrozen: boolean) => Promise<void> }> {
    const context = await browser.newContext();
    const pages: Page[] = [];
    const sessions = new Map<Page, CDPSession>();
    for (let index = 0; index < count; index += 1) {
      const page = await context.newPage();
      await page.goto(`${scene.origin}/page`);
      await page.waitForFunction("typeof client === 'object'");
      sessions.set(page, await context.newCDPSession(page));
      pages.push(page);
    }
    const input = { email: newEmail(), password };
    await pages[0]?.evaluate((given) => client.signUp(given).then(() => undefined), input);
    scene.passed.length = 0;
    const freeze = async (page: Page, isFrozen: boolean): Promise<void> => {
      const state = isFrozen ? "frozen" : "active";
      await sessions.get(page)?.send("Page.setWebLifecycleState", { state });
    };
    return { pages, freeze };
  }

  it("wakes signed in after its token has expired, with one refresh", async () => {
    const { pages, freeze } = await open(1);
    const [page] = pages as [Page];
    await freeze(page, true);
    await new Promise((resolve) => setTimeout(resolve, accessTtlSeconds * 1000 + 500));
    await freeze(page, false);
    const calls = () =>
      Promise.all([1, 2, 3].map(() => client.fetch("/auth/session").then(({ status }: Response) => status)));
    assert.deepEqual(await page.evaluate(calls), [200, 200, 200]);
    assert.equal(scene.to("/auth/refresh").length, 1);
    assert.deepEqual(await page.evaluate(() => farewells), []);
  });

  it("that was frozen in the middle of a refresh delays the other by a bounded time, and goes on itself", async () => {
    const { pages, freeze } = await open(2);
    const [first, second] = pages as [Page, Page];
    const open_ = Promise.withResolvers<void>();
    scene.fault = ({ path }) => (path === "/auth/refresh" ? open_.promise : undefined);
    await first.evaluate(() => void client.refresh().catch(() => undefined));
    while (scene.to("/auth/refresh").length === 0) await new Promise((resolve) => setTimeout(resolve, 10));
    await freeze(first, true);
    open_.resolve();
    scene.fault = () => undefined;
    const from = performance.now();
    assert.equal(await second.evaluate(() => client.refresh()), true);
    assert.ok(performance.now() - from < 5000);
    await freeze(first, false);
    assert.equal(await first.evaluate(() => client.refresh()), true);
    for (const page of pages) assert.deepEqual(await page.evaluate(() => farewells), []);
  });

  it("hears of a sign-out when it wakes", async () => {
    const { pages, freeze } = await open(2);
    const [first, second] = pages as [Page, Page];
    await freeze(first, true);
    await second.evaluate(() => client.signOut());
    await freeze(first, false);
    await first.waitForFunction("client.session.getSnapshot().status === 'signed-out'", undefined, { timeout: 1000 });
    assert.deepEqual(await first.evaluate(() => farewells), ["signed_out"]);
  });
});
