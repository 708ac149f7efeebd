// The pages in a real Chromium against the real server: a newcomer's way from the account to the caught thief, by
// keyboard where it matters, and what is left in the browser afterwards.

import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { after, before, describe, it } from "node:test";
import type { Browser, Page } from "playwright-core";
import { pawl, type Server, serve } from "../server/program.ts";
import { contrastProblems, overflows, structureProblems } from "./accessibility.ts";
import { chromiumMissing, launchChromium, openPage, type WatchedPage } from "./chromium.ts";

const password = "four unlikely words together";

let people = 0;
const newEmail = (): string => {
  people += 1;
  return `visitor${people}@example.com`;
};

async function signUp(page: Page, origin: string): Promise<string> {
  const email = newEmail();
  await page.goto(origin);
  await page.getByRole("tab", { name: "Create account" }).click();
  const form = page.locator("#form-up");
  await form.getByLabel("E-mail address").fill(email);
  await form.getByLabel("Password", { exact: true }).fill(password);
  await form.getByRole("button", { name: "Create account" }).click();
  await arrives(page);
  return email;
}

/** Waits for the lab, which is the last thing to appear; a failure shows what the page says instead. */
async function arrives(page: Page): Promise<void> {
  const failure = async (): Promise<never> => assert.fail(await page.locator("body").innerText());
  await page.locator("#lab-bench").waitFor().catch(failure);
}

const impatientStartsMax = 5;

/** Signs up and starts the lab where requests may live two seconds only: on a busy machine some take longer. */
async function signUpPatiently(page: Page, origin: string): Promise<void> {
  const email = newEmail();
  await page.goto(origin);
  const isThere = (id: string): Promise<boolean> => page.locator(id).isVisible();
  for (let starts = 0; starts < impatientStartsMax && !(await isThere("#lab-bench")); starts += 1) {
    if (await isThere("#lab-start")) {
      await page.getByLabel("Your password", { exact: true }).fill(password);
      await page.getByRole("button", { name: "Start the lab" }).click();
    } else {
      // Whether the account was created although the answer was cut off shows in the next try.
      await fetch(`${origin}/auth/register`, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify({ email, password, transport: "body" }),
      }).catch(() => undefined);
      await signIn(page, email, password);
    }
    await page.locator("form[aria-busy]").waitFor({ state: "detached" });
    await page
      .locator("#lab-bench, #lab-start, #form-in .field-error:not(:empty)")
      .locator("visible=true")
      .first()
      .waitFor();
  }
  await arrives(page);
}

/** Reloads until so many devices are listed: the lab of the page before ends by a request that nobody waits for. */
async function reloadUntilDevices(page: Page, count: number): Promise<void> {
  for (let reloads = 0; reloads < 10; reloads += 1) {
    await page.reload();
    await devices(page).first().waitFor();
    if ((await devices(page).count()) === count) return;
  }
  assert.fail(`the list never shows ${count} devices`);
}

async function signIn(page: Page, email: string, with_: string): Promise<void> {
  const form = page.locator("#form-in");
  await form.getByLabel("E-mail address").fill(email);
  await form.getByLabel("Password", { exact: true }).fill(with_);
  await form.getByRole("button", { name: "Sign in" }).click();
}

const devices = (page: Page): ReturnType<Page["locator"]> => page.locator("#devices li");
const answer = (page: Page): ReturnType<Page["locator"]> => page.locator("#lab-answer");

/** Pulls a lever of the lab and waits for the answer. */
async function pull(page: Page, lever: string, expected: RegExp): Promise<void> {
  await page.getByRole("button", { name: lever, exact: true }).click();
  await answer(page).filter({ hasText: expected }).waitFor();
}

/** Everything of the browser that a script could read, and the address bar. */
function leftovers(page: Page): Promise<string> {
  return page.evaluate(async () => {
    const databases = await indexedDB.databases();
    const stores = [localStorage, sessionStorage].map((storage) => JSON.stringify({ ...storage }));
    const caches_ = await caches.keys();
    return [document.cookie, location.href, history.length, document.documentElement.outerHTML]
      .concat(stores, caches_, JSON.stringify(databases), JSON.stringify(history.state))
      .join("\n");
  });
}

const tokenLike = /pawl_rt_[\w-]{12,}|eyJ[\w-]{12,}/;

// Most of the time is waiting for soft zones: side by side they wait together.
describe("pages", { skip: chromiumMissing, concurrency: 3 }, () => {
  let server: Server;
  /** With a grace of two seconds, for those who watch soft zones pass. */
  let impatient: Server;
  let browser: Browser;

  const open = (options: Parameters<typeof openPage>[2] = {}, on: Server = server): Promise<WatchedPage> =>
    openPage(browser, on.origin, options);

  before(async () => {
    const index = new URL("../../dist/console/app.js", import.meta.url);
    assert.ok(existsSync(index), "the pages are not built: run node tools/build.mjs");
    server = await serve(["--rate-limit", "off"]);
    impatient = await serve(["--rate-limit", "off", "--store", "memory:", "--grace", "2s"]);
    browser = await launchChromium();
  });
  after(async () => {
    await browser?.close();
    await Promise.all([server?.stop(), impatient?.stop()]);
  });

  it("signs up by keyboard, shows the devices, and stays signed in over a reload", async () => {
    const { page, assertClean, close } = await open();
    await page.goto(server.origin);
    const tab = page.getByRole("tab", { name: "Sign in" });
    await tab.focus();
    await page.keyboard.press("ArrowRight");
    assert.equal(await page.locator(":focus").textContent(), "Create account");
    await page.keyboard.press("Tab");
    await page.keyboard.type(newEmail());
    await page.keyboard.press("Tab");
    await page.keyboard.type("Ada Lovelace");
    await page.keyboard.press("Tab");
    await page.keyboard.type(password);
    await page.keyboard.press("Enter");
    await arrives(page);
    assert.equal(await page.locator("#who").textContent(), "Ada Lovelace");
    await page.getByText("token lab", { exact: true }).waitFor();
    assert.equal(await devices(page).count(), 2);
    // The lab of before the reload ended with the page; the cookie's session went on.
    await reloadUntilDevices(page, 1);
    await page.getByLabel("Your password", { exact: true }).fill(password);
    await page.getByRole("button", { name: "Start the lab" }).click();
    await page.getByText("token lab", { exact: true }).waitFor();
    assert.equal(await devices(page).count(), 2);
    assertClean();
    await close();
  });

  it("shows how a replay is caught, and that the page's own session goes on", async () => {
    const { page, assertClean, close } = await open({}, impatient);
    await signUpPatiently(page, impatient.origin);
    await page.getByText("token lab", { exact: true }).waitFor();
    const count = await devices(page).count();
    await pull(page, "Refresh", /Rotated: generation 1/);
    await pull(page, "Retry the last request", /Identical successor: generation 1/);
    await pull(page, "Refresh", /Settled/);
    await page.locator("#lab-tokens tr").first().getByText("the next token").waitFor();
    await pull(page, "Confirm", /Confirmed: generation 1/);
    await pull(page, "Replay the previous token", /409.*Superseded: generation 0/s);
    await page.getByText("is long retired").waitFor();
    await pull(page, "Replay the previous token", /401 refresh_token_reused.*Caught: generation 0/s);
    await page.getByText("The access token is refused as well.").waitFor();
    assert.equal(
      await page.getByRole("button", { name: "Refresh", exact: true }).getAttribute("aria-disabled"),
      "true",
    );
    await page.getByText("token lab", { exact: true }).waitFor({ state: "detached" });
    assert.equal(await devices(page).count(), count - 1);
    await page.getByRole("button", { name: "Refresh now" }).click();
    await page.locator("#session-moments").getByText("refresh · 200").waitFor();
    assertClean();
    await close();
  });

  it("leaves nothing like a token where a script could find it", async () => {
    const { page, assertClean, close } = await open();
    await signUp(page, server.origin);
    await pull(page, "Refresh", /Rotated/);
    assert.doesNotMatch(await leftovers(page), tokenLike);
    assert.match(await leftovers(page), /pawl_rt_…/);
    const cookies = await page.context().cookies();
    assert.deepEqual(
      cookies.map(({ httpOnly, sameSite }) => [httpOnly, sameSite]),
      [[true, "Strict"]],
    );
    await page.getByRole("button", { name: "Sign out" }).click();
    await page.getByText("You are signed out on this device.").waitFor();
    assert.equal(await page.locator(":focus").getAttribute("id"), "in-email");
    assert.doesNotMatch(await leftovers(page), tokenLike);
    assert.deepEqual(await page.context().cookies(), []);
    assert.equal(await page.evaluate(() => localStorage.length + sessionStorage.length), 0);
    await page.reload();
    await page.locator("#welcome").waitFor();
    assertClean();
    await close();
  });

  it("says next to the field what is wrong, and moves there", async () => {
    const { page, assertClean, close } = await open();
    await page.goto(server.origin);
    const described = async (): Promise<string> => {
      const input = page.locator(":focus");
      assert.equal(await input.getAttribute("aria-invalid"), "true");
      const ids = ((await input.getAttribute("aria-describedby")) ?? "").split(" ");
      return (await Promise.all(ids.map((id) => page.locator(`#${id}`).textContent()))).join(" ");
    };
    await page.getByRole("button", { name: "Sign in" }).click();
    assert.match(await described(), /Enter your e-mail address/);
    await signIn(page, "nobody@example.com", "not a password of anybody");
    await page.getByText("is wrong").waitFor();
    assert.match(await described(), /E-mail address or password is wrong/);
    await page.getByRole("tab", { name: "Create account" }).click();
    const form = page.locator("#form-up");
    await form.getByLabel("E-mail address").fill(newEmail());
    await form.getByLabel("Password", { exact: true }).fill("short");
    await form.getByRole("button", { name: "Show password" }).click();
    assert.equal(await form.getByLabel("Password", { exact: true }).getAttribute("type"), "text");
    await form.getByRole("button", { name: "Create account" }).click();
    await page.getByText("Too short").waitFor();
    assert.match(await described(), /use at least 15 characters/);
    assert.equal(await form.getByLabel("Password", { exact: true }).getAttribute("type"), "password");
    assertClean();
    await close();
  });

  it("ends a device, ends all others, changes the password", async () => {
    const { page, assertClean, close } = await open();
    const email = await signUp(page, server.origin);
    const other = await open();
    await other.page.goto(server.origin);
    await signIn(other.page, email, password);
    await arrives(other.page);
    await reloadUntilDevices(page, 3);
    await devices(page).first().getByRole("button").click();
    await devices(page).nth(2).waitFor({ state: "detached" });
    assert.equal(await page.locator(":focus").getAttribute("id"), "devices-title");
    await page.getByRole("button", { name: "End all others" }).click();
    await devices(page).nth(1).waitFor({ state: "detached" });
    await other.page.getByRole("button", { name: "Refresh now" }).click();
    await other.page.getByText("This session was ended").waitFor();

    const form = page.locator("#form-password");
    await form.getByLabel("Current password", { exact: true }).fill("not the current password");
    await form.getByLabel("New password", { exact: true }).fill("five other unlikely words together");
    await form.getByRole("button", { name: "Change password" }).click();
    await page.getByText("This is not your current password.").waitFor();
    await form.getByLabel("Current password", { exact: true }).fill(password);
    await form.getByRole("button", { name: "Change password" }).click();
    await page.getByText("The password is changed.").waitFor();
    await arrives(page);
    await page.reload();
    await page.locator("#home").waitFor();
    assertClean();
    other.assertClean();
    await close();
    await other.close();
  });

  it("keeps the session when the server cannot be reached", async () => {
    const { page, close } = await open();
    await signUp(page, server.origin);
    await page.context().route("**/auth/refresh", (route) => route.abort());
    await page.reload();
    await page.getByText("If you were signed in, you still are.").waitFor();
    await page.context().unroute("**/auth/refresh");
    // The client pauses for a second after a refresh that failed.
    await page.waitForTimeout(1_100);
    await page.getByRole("button", { name: "Try again" }).click();
    await page.locator("#home").waitFor();
    await close();
  });

  it("sets a new password by the one-time link, and takes the token out of the address at once", async () => {
    const { page, assertClean, close } = await open();
    const email = await signUp(page, server.origin);
    const { out } = await pawl(["users", "reset", email], { folder: server.folder });
    const fragment = /#(\S+)/.exec(out)?.[1] as string;
    assert.ok(fragment.length > 20, out);
    await page.goto(`${server.origin}/reset#${fragment}`);
    await page.getByLabel("New password", { exact: true }).fill("short");
    assert.ok(!page.url().includes("#"));
    assert.ok(!(await leftovers(page)).includes(fragment));
    await page.getByRole("button", { name: "Set the password" }).click();
    await page.getByText("Too short").waitFor();
    const newPassword = "six more unlikely words together";
    await page.getByLabel("New password", { exact: true }).fill(newPassword);
    await page.getByRole("button", { name: "Set the password" }).click();
    await page.getByText("The password is set").waitFor();
    assert.deepEqual(await structureProblems(page), []);
    await page.getByRole("link", { name: "Go to sign-in" }).click();
    await signIn(page, email, newPassword);
    await arrives(page);
    await page.goto(`${server.origin}/reset#${fragment}`);
    await page.getByLabel("New password", { exact: true }).fill(newPassword);
    await page.getByRole("button", { name: "Set the password" }).click();
    await page.getByText("This link does not work").waitFor();
    await page.goto(`${server.origin}/reset`);
    await page.getByText("This page needs the whole link").waitFor();
    assertClean();
    await close();
  });

  for (const colorScheme of ["light", "dark"] as const) {
    it(`is readable and operable in ${colorScheme}, also at 360 pixels`, async () => {
      const { page, assertClean, close } = await open({ colorScheme, reducedMotion: "reduce" }, impatient);
      const check = async (where: string): Promise<void> => {
        assert.deepEqual(await structureProblems(page), [], where);
        assert.deepEqual(await contrastProblems(page), [], where);
        for (const width of [360, 800, 1360]) {
          await page.setViewportSize({ width, height: 800 });
          assert.equal(await overflows(page), false, `${where} at ${width}`);
        }
      };
      await page.goto(impatient.origin);
      await page.locator("#welcome").waitFor();
      await page.getByRole("button", { name: "Sign in" }).click();
      await check("sign-in with an error");
      await signUpPatiently(page, impatient.origin);
      await page.getByText("token lab", { exact: true }).waitFor();
      await pull(page, "Refresh", /Rotated/);
      await check("rotated");
      await pull(page, "Confirm", /Confirmed/);
      await pull(page, "Replay the previous token", /Superseded/);
      await check("superseded");
      await page.getByText("is long retired").waitFor();
      await pull(page, "Replay the previous token", /Caught/);
      await page.getByText("The access token is refused as well.").waitFor();
      await check("caught");
      assert.equal(await page.evaluate(() => document.getAnimations().length), 0);
      assertClean();
      await close();
    });
  }
});
