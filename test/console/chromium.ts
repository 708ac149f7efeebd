// A real Chromium for the tests of the pages, watched: errors of scripts, violations of the content security policy and
// requests to anywhere but the server fail the test that caused them.

import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { type Browser, type BrowserContextOptions, chromium, type Page } from "playwright-core";

/** Where Debian installs it. */
export const chromiumPath = "/usr/bin/chromium";
/** Nothing that asks the outside, and no sandbox: containers have none to give. */
export const chromiumArguments: readonly string[] = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

/** Why there is no Chromium here; `false` where there is. In CI a missing one is a failure, not a skip. */
export const chromiumMissing: string | false =
  existsSync(chromiumPath) || process.env.CI === "true" ? false : `${chromiumPath} is not installed`;

/** Starts Chromium. */
export function launchChromium(): Promise<Browser> {
  return chromium.launch({ executablePath: chromiumPath, args: [...chromiumArguments] });
}

/** A page and what went wrong on it. */
export interface WatchedPage {
  readonly page: Page;
  /** Fails when something went wrong so far. */
  assertClean(): void;
  close(): Promise<void>;
}

/** Opens a page in a context of its own. */
export async function openPage(
  browser: Browser,
  origin: string,
  options: BrowserContextOptions = {},
): Promise<WatchedPage> {
  const context = await browser.newContext({ viewport: { width: 1360, height: 900 }, ...options });
  const page = await context.newPage();
  const wrong: string[] = [];
  page.setDefaultTimeout(10_000);
  page.on("pageerror", (error) => wrong.push(`error: ${error.message}`));
  page.on("console", (message) => {
    // Chromium writes a line for every 4xx; those answers are part of the tests.
    const isStatus = message.text().startsWith("Failed to load resource");
    if (["error", "warning"].includes(message.type()) && !isStatus) wrong.push(`console: ${message.text()}`);
  });
  page.on("request", (request) => {
    const { protocol } = new URL(request.url());
    if (protocol !== "data:" && new URL(request.url()).origin !== origin) wrong.push(`request: ${request.url()}`);
  });
  await page.addInitScript(() => {
    document.addEventListener("securitypolicyviolation", (event) => {
      console.error(`policy: ${event.violatedDirective} ${event.blockedURI}`);
    });
  });
  return {
    page,
    assertClean: () => assert.deepEqual(wrong, []),
    close: () => context.close(),
  };
}
