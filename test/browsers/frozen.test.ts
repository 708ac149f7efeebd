// What only Chromium lets a test do to a page: stop its process, as a laptop or a phone that sleeps does, and let it go on.
// (Setting the life cycle state of a page over CDP stops nothing in a headless Chromium, and a debugger swallows messages.)
// A frozen tab holds nobody up for long, and a page that wakes is signed in.

import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import type { Browser, Page } from "playwright-core";
import { chromiumMissing, launchChromium } from "../console/chromium.ts";
import { createScene, newEmail, type PageOfClient, password, type Scene } from "./client-scene.ts";
import { poll } from "./deadline.ts";

declare const client: PageOfClient["client"];
declare const farewells: PageOfClient["farewells"];

const accessTtlSeconds = 2;
const tickMilliseconds = 50;
/** A page that runs has answered by then. */
const answerMilliseconds = 1000;
declare let standstill: number;

const rest = (milliseconds: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, milliseconds));

/** Notes the longest time for which nothing ran in the page. */
function watchStandstill(milliseconds: number): void {
  let before = performance.now();
  Object.assign(globalThis, { standstill: 0 });
  setInterval(() => {
    standstill = Math.max(standstill, performance.now() - before);
    before = performance.now();
  }, milliseconds);
}

/** The page was really frozen: for that long nothing ran in it. */
async function stoodStill(page: Page, milliseconds: number): Promise<void> {
  await page.waitForTimeout(2 * tickMilliseconds);
  const longest = await page.evaluate(() => standstill);
  assert.ok(longest >= milliseconds, `stood still for ${Math.round(longest)} ms, wanted ${milliseconds}`);
}

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

  /** The process that a page runs in (CDP, SystemInfo): while it is stopped, and only then, the page does not answer. */
  async function rendererOf(page: Page): Promise<number> {
    const session = await browser.newBrowserCDPSession();
    const { processInfo } = await session.send("SystemInfo.getProcessInfo");
    await session.detach();
    for (const { type, id } of processInfo) {
      if (type !== "renderer") continue;
      process.kill(id, "SIGSTOP");
      const answer = page.evaluate(() => true);
      const isAnswered = await Promise.race([answer, rest(answerMilliseconds).then(() => false)]);
      process.kill(id, "SIGCONT");
      await answer;
      if (!isAnswered) return id;
    }
    return assert.fail("no renderer");
  }

  async function open(
    count: number,
  ): Promise<{ pages: Page[]; freeze: (page: Page, isFrozen: boolean) => Promise<void> }> {
    const context = await browser.newContext();
    const pages: Page[] = [];
    for (let index = 0; index < count; index += 1) {
      const page = await context.newPage();
      await page.goto(`${scene.origin}/page`);
      await page.waitForFunction("typeof client === 'object'");
      await page.evaluate(watchStandstill, tickMilliseconds);
      pages.push(page);
    }
    const input = { email: newEmail(), password };
    await pages[0]?.evaluate((given) => client.signUp(given).then(() => undefined), input);
    scene.passed.length = 0;
    const renderers = new Map<Page, number>();
    for (const page of pages) renderers.set(page, await rendererOf(page));
    assert.equal(new Set(renderers.values()).size, count, "each page has a process of its own");
    const freeze = async (page: Page, isFrozen: boolean): Promise<void> => {
      process.kill(renderers.get(page) as number, isFrozen ? "SIGSTOP" : "SIGCONT");
    };
    return { pages, freeze };
  }

  it("wakes signed in after its token has expired, with one refresh", async () => {
    const { pages, freeze } = await open(1);
    const [page] = pages as [Page];
    await freeze(page, true);
    await rest(accessTtlSeconds * 1000 + 500);
    await freeze(page, false);
    await stoodStill(page, accessTtlSeconds * 1000);
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
    while (scene.to("/auth/refresh").length === 0) await rest(10);
    await freeze(first, true);
    open_.resolve();
    scene.fault = () => undefined;
    const from = performance.now();
    assert.equal(await second.evaluate(() => client.refresh()), true);
    const took = performance.now() - from;
    assert.ok(took > 2500 && took < 15_000, `${Math.round(took)} ms`);
    await freeze(first, false);
    await stoodStill(first, 2500);
    assert.equal(await first.evaluate(() => client.refresh()), true);
    for (const page of pages) assert.deepEqual(await page.evaluate(() => farewells), []);
  });

  it("hears of a sign-out when it wakes", async () => {
    const { pages, freeze } = await open(2);
    const [first, second] = pages as [Page, Page];
    await freeze(first, true);
    await second.evaluate(() => client.signOut());
    await rest(500);
    await freeze(first, false);
    const isOut = (): Promise<boolean> => first.evaluate(() => client.session.getSnapshot().status === "signed-out");
    await poll(async () => (await isOut()) || undefined, 5000, "the sign-out");
    assert.deepEqual(await first.evaluate(() => farewells), ["signed_out"]);
    await stoodStill(first, 400);
  });
});
