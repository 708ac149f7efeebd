// Chromium and Firefox through playwright-core: started so that *.test means this machine and the certificate of the
// tests counts. Owns the switches of both; Firefox is driven over WebDriver BiDi, which is why it is the one of Debian.

import { chromium, type Browser as DrivenBrowser, firefox, type Page } from "playwright-core";
import { chromiumArguments, chromiumPath } from "../console/chromium.ts";
import { testCertificate } from "./certificate.ts";
import { within } from "./deadline.ts";
import { type Browser, expressionOf, type LaunchOptions, readAnswer, type Tab, tabMillisecondsMax } from "./tab.ts";

export { chromiumPath };
/** Where Debian installs it. */
export const firefoxPath = "/usr/bin/firefox-esr";

const launchMillisecondsMax = 30_000;

/**
 * A frame that vanishes while Firefox still tells of it: the library trips over it (WebDriver BiDi) in a promise that nobody
 * holds, and the test runner would take that for a failure of whatever test began it.
 */
function isTripOfLibrary(reason: unknown): boolean {
  const isNoFrame = reason instanceof TypeError && /Cannot read properties of (null|undefined)/.test(reason.message);
  return isNoFrame && /^\s*at .*playwright-core/m.test(reason.stack?.split("\n")[1] ?? "");
}

const emit = process.emit.bind(process) as (event: string, ...facts: unknown[]) => boolean;
process.emit = ((event: string, ...facts: unknown[]) =>
  (event === "unhandledRejection" && isTripOfLibrary(facts[0])) || emit(event, ...facts)) as typeof process.emit;

/** Starts Chromium on `profile`, or without one in an incognito context. */
export async function launchChromium(profile: string, options: LaunchOptions): Promise<Browser> {
  const args = [
    ...chromiumArguments,
    "--host-resolver-rules=MAP *.test 127.0.0.1",
    `--ignore-certificate-errors-spki-list=${testCertificate().publicKeyHash}`,
  ];
  // Playwright switches the back-forward cache off, which people have.
  const ignoreDefaultArgs = ["--disable-back-forward-cache"];
  const launch = { executablePath: chromiumPath, args, ignoreDefaultArgs, timeout: launchMillisecondsMax };
  if (options.isPrivate !== true) {
    const context = await chromium.launchPersistentContext(profile, launch);
    const version = context.browser()?.version() ?? "";
    return { engine: "chromium", version, ...tabsOf(context, () => context.close()) };
  }
  const browser: DrivenBrowser = await chromium.launch(launch);
  // A context beside the default one is what an incognito window is made of.
  const context = await browser.newContext();
  return { engine: "chromium", version: browser.version(), ...tabsOf(context, () => browser.close()) };
}

/** Starts Firefox ESR on `profile`. */
export async function launchFirefox(profile: string, options: LaunchOptions): Promise<Browser> {
  const context = await firefox.launchPersistentContext(profile, {
    channel: "moz-firefox",
    executablePath: firefoxPath,
    ignoreHTTPSErrors: true,
    timeout: launchMillisecondsMax,
    firefoxUserPrefs: {
      "network.dns.localDomains": "app.test,sub.app.test,evil.test",
      "browser.privatebrowsing.autostart": options.isPrivate === true,
    },
  });
  const version = context.browser()?.version() ?? "";
  return { engine: "firefox", version, ...tabsOf(context, () => context.close()) };
}

/** What this file needs of a context. */
interface Pages {
  newPage(): Promise<Page>;
}

function tabsOf(context: Pages, end: () => Promise<void>): Pick<Browser, "newTab" | "close"> {
  return {
    async newTab(url) {
      const tab = tabOf(await within(context.newPage(), tabMillisecondsMax, "a new tab"));
      if (url !== undefined) await tab.goto(url);
      return tab;
    },
    close: () => within(end(), tabMillisecondsMax, "the browser to end"),
  };
}

function tabOf(page: Page): Tab {
  const loading = { timeout: tabMillisecondsMax } as const;
  return {
    async goto(url) {
      await page.goto(url, loading);
    },
    async reload() {
      await page.reload(loading);
    },
    async evaluate(script, ...parameters) {
      const answer = page.evaluate(expressionOf(script, parameters));
      return readAnswer(await within(answer, tabMillisecondsMax, `a script: ${script}`));
    },
    url: async () => page.url(),
    async screenshot(path) {
      await page.screenshot({ path, ...loading });
    },
    close: () => within(page.close(), tabMillisecondsMax, "a tab to close"),
  };
}
