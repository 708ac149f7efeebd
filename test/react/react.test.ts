// `pawl/react` with React 18 and 19 in a real Chromium against the real server: who renders when, what StrictMode and
// late answers do, and what a server renders.

import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import type { Browser, Page } from "playwright-core";
import { createClient } from "../../src/client/index.ts";
import { chromiumMissing, launchChromium, openPage, type WatchedPage } from "../console/chromium.ts";
import { send, temporaryFolder } from "../server/program.ts";
import { bundlePage, loadRendering, type ReactVersion, reactVersions } from "./bundles.ts";
import { type Front, startFront } from "./front.ts";
import type { Stage } from "./page.ts";
import type { Notes, Plan } from "./program.ts";

// In functions that run on the page.
declare const stage: Stage;

const password = "four unlikely words together";
const listRequest = "GET /auth/sessions";

let people = 0;
const newEmail = (): string => {
  people += 1;
  return `person${people}@example.com`;
};

/** A promise that somebody settles. */
function gate(): { readonly passed: Promise<void>; open(): void; break(): void } {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  return { passed: promise, open: resolve, break: () => reject(new Error("no answer")) };
}

for (const version of reactVersions) {
  describe(`in a browser with React ${version}`, { skip: chromiumMissing }, () => {
    let browser: Browser;
    let front: Front;
    let watched: WatchedPage;
    let page: Page;
    before(async () => {
      front = await startFront();
      browser = await launchChromium();
      front.pages.set("/page.js", { type: "text/javascript", text: await bundlePage(version) });
      setPage("/", "");
    });
    after(async () => {
      await browser?.close();
      await front?.close();
    });

    const setPage = (path: string, inner: string): void => {
      const text = `<!doctype html><title>Test</title><link rel="icon" href="data:,"><div id="root">${inner}</div><script type="module" src="/page.js"></script>`;
      front.pages.set(path, { type: "text/html", text });
    };
    const count = (name: string): number => front.passed.filter((each) => each === name).length;
    const text = (): Promise<string> => page.locator("#root").innerText();
    const shows = (wanted: string): Promise<void> => page.getByText(wanted, { exact: true }).first().waitFor();
    const mount = (plan: Plan): Promise<void> => page.evaluate((given) => stage.mount(given), plan);
    /** Two frames: whatever was about to render has. */
    const settle = (): Promise<void> =>
      page.evaluate(
        () => new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(() => resolve()))),
      );
    const signUp = (email: string): Promise<unknown> =>
      page.evaluate((given) => stage.client.signUp(given), { email, password });
    const otherDevice = async (email: string): Promise<string> => {
      const body = { email, password, transport: "body" };
      const { status, json } = await send(front, "POST", "/auth/login", { body });
      assert.equal(status, 200, JSON.stringify(json));
      return json.session.id;
    };

    /** A test on a page of its own; whatever React complains about fails it. */
    const onPage = (name: string, run: () => Promise<void>): void => {
      it(name, async () => {
        front.hold = () => undefined;
        watched = await openPage(browser, front.origin);
        page = watched.page;
        try {
          await page.goto(front.origin);
          front.passed.length = 0;
          await run();
          watched.assertClean();
        } finally {
          await watched.close();
        }
      });
    };

    onPage("is the React that it should be", async () => {
      assert.ok((await page.evaluate(() => stage.reactVersion)).startsWith(`${version}.`));
    });

    onPage("follows the session from unknown through sign-up to sign-out", async () => {
      await mount({});
      await shows("signed-out refresh_token_missing");
      assert.deepEqual(front.passed, ["POST /auth/refresh"]);
      const email = newEmail();
      await signUp(email);
      await shows(`signed-in ${email}`);
      await page.evaluate(() => stage.client.signOut());
      await shows("signed-out signed_out");
      await page.evaluate((given) => stage.client.signIn(given), { email, password });
      await shows(`signed-in ${email}`);
      const statuses = await page.evaluate(() => stage.notes.sessions.map(({ status }) => status));
      assert.deepEqual(statuses, ["unknown", "signed-out", "signed-in", "signed-out", "signed-in"]);
    });

    onPage("knows after a reload of the page who is signed in", async () => {
      const email = newEmail();
      await signUp(email);
      await page.reload();
      await mount({});
      await shows(`signed-in ${email}`);
    });

    onPage("renders nothing for a refresh", async () => {
      await signUp(newEmail());
      await mount({ deviceLists: 1 });
      await shows("1 loaded");
      const observe = () =>
        page.evaluate(async () => ({
          token: await stage.client.getAccessToken(),
          sessions: stage.notes.sessions.length,
          devices: stage.notes.devices.length,
        }));
      const earlier = await observe();
      assert.equal(await page.evaluate(() => stage.client.refresh()), true);
      await settle();
      const later = await observe();
      assert.notEqual(later.token, earlier.token);
      assert.deepEqual([later.sessions, later.devices], [earlier.sessions, earlier.devices]);
    });

    onPage("gives the same object until something changes", async () => {
      await signUp(newEmail());
      await mount({ strict: true, deviceLists: 2 });
      await shows("1 loaded");
      // Rendered anew from above, with nothing of the session changed.
      await page.evaluate(() => {
        stage.unmount();
        stage.mount({ strict: true, deviceLists: 2 });
      });
      await settle();
      await shows("1 loaded");
      const isSame = await page.evaluate(() => {
        const [first, ...others] = stage.notes.sessions;
        return others.length > 1 && others.every((each) => each === first) && Object.isFrozen(first);
      });
      assert.equal(isSame, true);
      const objects = await page.evaluate(() => {
        const all = stage.notes.devices;
        return { renders: all.length, loaded: new Set(all.filter(({ isLoading }) => !isLoading)).size };
      });
      assert.equal(objects.loaded, 2, "one for each loading, whatever number of components and renders");
      assert.ok(objects.renders > 8);
    });

    onPage("loads once in StrictMode, for all components together", async () => {
      await signUp(newEmail());
      await mount({ strict: true, deviceLists: 2 });
      await shows("1 loaded");
      await settle();
      assert.equal(count(listRequest), 1);
    });

    onPage("asks once who is signed in in StrictMode", async () => {
      await mount({ strict: true });
      await shows("signed-out refresh_token_missing");
      assert.equal(count("POST /auth/refresh"), 1);
    });

    onPage("loads devices once somebody is signed in, and keeps the list while it loads again", async () => {
      await mount({ deviceLists: 1 });
      await shows("0 loaded");
      assert.equal(count(listRequest), 0);
      const email = newEmail();
      await signUp(email);
      await shows("1 loaded");
      await otherDevice(email);
      const { passed: held, open } = gate();
      front.hold = (request) => (request === listRequest ? held : undefined);
      const reloaded = page.evaluate(() => stage.notes.devices.at(-1)?.reload());
      await shows("1 loading");
      open();
      await shows("2 loaded");
      assert.equal(await reloaded, true);
      await page.evaluate(() => stage.client.signOut());
      await shows("0 loaded");
    });

    onPage("takes a device from the list with the server's answer, not before", async () => {
      const email = newEmail();
      await signUp(email);
      const other = await otherDevice(email);
      await otherDevice(email);
      await mount({ deviceLists: 2 });
      await shows("3 loaded");
      const { passed: held, open } = gate();
      const request = `DELETE /auth/sessions/${other}`;
      front.hold = (each) => (each === request ? held : undefined);
      const revoked = page.evaluate((id) => stage.notes.devices.at(-1)?.revoke(id), other);
      while (count(request) === 0) await settle();
      assert.match(await text(), /3 loaded\s+3 loaded/);
      open();
      await shows("2 loaded");
      assert.match(await text(), /2 loaded\s+2 loaded/);
      assert.equal(await revoked, true);
      assert.equal(count(listRequest), 1);
      assert.equal(await page.evaluate(() => stage.notes.devices.at(-1)?.revokeOthers()), true);
      await shows("1 loaded");
      const left = await page.evaluate(() => stage.notes.devices.at(-1)?.devices.map(({ current }) => current));
      assert.deepEqual(left, [true]);
    });

    onPage("signs out where the own device is revoked", async () => {
      await signUp(newEmail());
      await mount({ deviceLists: 1 });
      await shows("1 loaded");
      await page.evaluate(() => {
        const { session } = stage.client.session.getSnapshot();
        return stage.notes.devices.at(-1)?.revoke(session?.id as string);
      });
      await shows("signed-out signed_out");
      await shows("0 loaded");
    });

    onPage("never shows a revoked device again, although a list from before arrives late", async () => {
      const email = newEmail();
      await signUp(email);
      await mount({ deviceLists: 1 });
      await shows("1 loaded");
      const other = await otherDevice(email);
      const { passed: held, open } = gate();
      front.hold = (request) => (request === listRequest ? held : undefined);
      const before = count(listRequest);
      const reloaded = page.evaluate(() => stage.notes.devices.at(-1)?.reload());
      while (count(listRequest) === before) await settle();
      await page.evaluate((id) => stage.notes.devices.at(-1)?.revoke(id), other);
      front.hold = () => undefined;
      open();
      assert.equal(await reloaded, true);
      await shows("1 loaded");
      const longest = await page.evaluate(() => Math.max(...stage.notes.devices.map(({ devices }) => devices.length)));
      assert.equal(longest, 1);
    });

    onPage("keeps the list and says why where loading fails, until it succeeds", async () => {
      await signUp(newEmail());
      await mount({ deviceLists: 1 });
      await shows("1 loaded");
      const { passed: held, break: fail } = gate();
      held.catch(() => undefined);
      front.hold = (request) => (request === listRequest ? held : undefined);
      fail();
      assert.equal(await page.evaluate(() => stage.notes.devices.at(-1)?.reload()), false);
      await shows("1 network_error");
      front.hold = () => undefined;
      assert.equal(await page.evaluate(() => stage.notes.devices.at(-1)?.reload()), true);
      await shows("1 loaded");
      assert.equal(await page.evaluate(() => stage.notes.devices.at(-1)?.revoke("nobody")), false);
      await shows("1 not_found");
    });

    onPage("ignores the list of an earlier session", async () => {
      await signUp(newEmail());
      const { passed: held, open } = gate();
      let isFirst = true;
      front.hold = (request) => {
        if (request !== listRequest || !isFirst) return undefined;
        isFirst = false;
        return held;
      };
      await mount({ deviceLists: 1 });
      while (count(listRequest) === 0) await settle();
      await page.evaluate(() => stage.client.signOut());
      const email = newEmail();
      await signUp(email);
      await otherDevice(email);
      // Chromium lets a request wait for an earlier one to the same address, so the late answer comes first.
      open();
      await page.evaluate(() => stage.notes.devices.at(-1)?.reload());
      await page.evaluate(() => stage.notes.devices.at(-1)?.reload());
      await shows("2 loaded");
      const sids = await page.evaluate(() => stage.client.devices.list());
      const strangers = await page.evaluate(
        (own) => stage.notes.devices.flatMap(({ devices }) => devices).filter(({ id }) => !own.includes(id)).length,
        sids.map(({ id }) => id),
      );
      assert.equal(strangers, 0);
    });

    onPage("renders nothing and complains of nothing after it was unmounted during loading", async () => {
      await signUp(newEmail());
      const { passed: held, open } = gate();
      front.hold = (request) => (request === listRequest ? held : undefined);
      await mount({ strict: true, deviceLists: 1 });
      while (count(listRequest) === 0) await settle();
      await page.evaluate(() => stage.unmount());
      const rendered = await page.evaluate(() => stage.notes.devices.length);
      open();
      await page.waitForLoadState("networkidle");
      await settle();
      assert.equal(await page.evaluate(() => stage.notes.devices.length), rendered);
    });

    onPage("takes over what the server rendered, although somebody is signed in already", async () => {
      const rendering = await loadRendering(version, temporaryFolder());
      const plan: Plan = { strict: true, deviceLists: 1 };
      const client = createClient({ baseUrl: front.origin });
      setPage("/rendered", rendering.render(client, { sessions: [], devices: [] }, plan));
      await page.goto(`${front.origin}/rendered`);
      assert.match(await text(), /^unknown/);
      const email = newEmail();
      await signUp(email);
      await page.evaluate((given) => stage.hydrate(given), plan);
      await shows(`signed-in ${email}`);
      await shows("1 loaded");
      const statuses = await page.evaluate(() => stage.notes.sessions.map(({ status }) => status));
      assert.equal(statuses[0], "unknown");
      assert.equal(statuses.at(-1), "signed-in");
    });
  });
}

for (const version of reactVersions) {
  describe(`on a server with React ${version}`, () => {
    const load = (): ReturnType<typeof loadRendering> => loadRendering(version as ReactVersion, folder);
    const folder = temporaryFolder();

    it("renders the unknown session and sends nothing", async () => {
      let requests = 0;
      const client = createClient({
        baseUrl: "https://auth.example.com",
        fetch: () => {
          requests += 1;
          return Promise.reject(new Error("no request leaves"));
        },
      });
      const notes: Notes = { sessions: [], devices: [] };
      const html = (await load()).render(client, notes, { strict: true, deviceLists: 1 });
      assert.match(html, /<p>unknown<\/p><ul><li>0 loaded<\/li><\/ul>/);
      assert.equal(notes.sessions[0]?.client, client);
      await new Promise((resolve) => setTimeout(resolve, 50));
      assert.equal(requests, 0);
    });

    it("says what to do where no provider is above a component", async () => {
      const { renderAlone } = await load();
      assert.throws(
        () => renderAlone({ sessions: [], devices: [] }),
        /SessionProvider.*render <SessionProvider client=/,
      );
    });
  });
}
