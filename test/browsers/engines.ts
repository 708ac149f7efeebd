// The three engines behind one door: which are there, and how one is started. A missing one skips the tests of its
// engine with a reason; in CI it is a failure. Removes the profiles it made itself.

import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { chromiumPath, firefoxPath, launchChromium, launchFirefox } from "./playwright.ts";
import type { Browser, EngineName, LaunchOptions } from "./tab.ts";
import { launchWebkit, webkitMissing } from "./webkit.ts";

export type { Browser, EngineName, LaunchOptions, Tab } from "./tab.ts";

/** An engine and why it cannot run here (`false` where it can), as `describe` takes it for `skip`. */
export interface Engine {
  readonly name: EngineName;
  readonly skip: string | false;
}

const missing = (reason: string | undefined): string | false =>
  reason === undefined || process.env.CI === "true" ? false : reason;
const notAt = (path: string): string | undefined => (existsSync(path) ? undefined : `${path} is not installed`);

/** All three; PAWL_TEST_ENGINES (names, comma-separated) leaves the others out while somebody works on one. */
export const engines: readonly Engine[] = (
  [
    { name: "chromium", skip: missing(notAt(chromiumPath)) },
    { name: "firefox", skip: missing(notAt(firefoxPath)) },
    { name: "webkit", skip: missing(webkitMissing) },
  ] satisfies Engine[]
).filter(({ name }) => (process.env.PAWL_TEST_ENGINES ?? name).split(",").includes(name));

const launchers = { chromium: launchChromium, firefox: launchFirefox, webkit: launchWebkit } as const;

/** A folder for a profile, and the way to remove it. */
export function temporaryProfile(): { readonly path: string; remove(): void } {
  const path = mkdtempSync(join(tmpdir(), "pawl-profile-"));
  // A browser that has just ended may still be writing its last file.
  return { path, remove: () => rmSync(path, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 }) };
}

/** Starts `engine`; the caller closes it. */
export async function launch(engine: EngineName, options: LaunchOptions = {}): Promise<Browser> {
  if (options.profile !== undefined) return launchers[engine](options.profile, options);
  const profile = temporaryProfile();
  try {
    const browser = await launchers[engine](profile.path, options);
    const close = (): Promise<void> => browser.close().finally(profile.remove);
    return { ...browser, close };
  } catch (error) {
    profile.remove();
    throw error;
  }
}
