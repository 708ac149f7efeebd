// The client in real browsers against everything that goes wrong around a page: no network, reloads, clocks, a page that
// comes back, a browser that forbids storage, a redirect to somebody else. On http://localhost and on https.

import assert from "node:assert/strict";
import { before, it } from "node:test";
import {
  everywhere,
  known,
  newEmail,
  openPage,
  type PageOfClient,
  refresh,
  type Scene,
  signUp,
} from "./client-scene.ts";
import { poll } from "./deadline.ts";
import type { Browser, Tab } from "./engines.ts";

declare const client: PageOfClient["client"];

const tenYearsSeconds = 3652 * 86_400;
const reloadsOfStorm = 15;

everywhere("faults", (stage) => {
  let scene: Scene;
  let browser: Browser;
  let tab: Tab;
  before(() => {
    ({ scene, browser } = stage);
  });

  const test = (name: string, run: (email: string) => Promise<void>, query = ""): void => {
    it(name, async () => {
      tab = await browser.newTab();
      try {
        await openPage(tab, scene, query);
        await run(await signUp(tab, scene));
      } finally {
        scene.fault = () => undefined;
        await tab.close();
      }
    });
  };
  const assertStillIn = async (email: string): Promise<void> => {
    assert.equal(await refresh(tab), true);
    assert.deepEqual([(await known(tab)).email, (await known(tab)).farewells], [email, []]);
  };
  const isEmpty = async (): Promise<true | undefined> =>
    (await tab.evaluate("localStorage.length === 0")) === true || undefined;

  test("no network: the session stays, and goes on with the network", async (email) => {
    scene.fault = () => "lose the request";
    assert.equal(await refresh(tab), "network_error");
    assert.equal((await known(tab)).status, "signed-in");
    scene.fault = () => undefined;
    // As the browser tells it; the pause after a failure is over with it.
    await tab.evaluate("void dispatchEvent(new Event('online'))");
    await assertStillIn(email);
  });

  test("no network at a reload: nobody is signed out, and the attempt is taken up", async (email) => {
    scene.fault = ({ path }) => (path === "/auth/refresh" ? "lose the answer" : undefined);
    assert.equal(await refresh(tab), "network_error");
    await openPage(tab, scene);
    assert.equal(await refresh(tab), "network_error");
    assert.equal((await known(tab)).status, "unknown");
    scene.fault = () => undefined;
    await openPage(tab, scene);
    await assertStillIn(email);
    assert.equal(new Set(scene.to("/auth/refresh").map(({ headers }) => headers["idempotency-key"])).size, 1);
  });

  test("a captive portal, a gateway, a full server: the session stays", async (email) => {
    const answers = [
      { status: 200, headers: { "content-type": "text/html" }, body: "<p>Sign in to the hotel</p>" },
      { status: 302, headers: { location: "/elsewhere" } },
      { status: 502, headers: { "content-type": "text/html" }, body: "<h1>Bad gateway</h1>" },
      { status: 401, headers: { "content-type": "text/html" }, body: "Who are you?" },
    ];
    for (const answer of answers) {
      scene.fault = ({ path }) => (path === "/auth/refresh" ? answer : undefined);
      await openPage(tab, scene);
      assert.equal(typeof (await refresh(tab)), "string", `${answer.status}`);
      assert.deepEqual((await known(tab)).farewells, []);
    }
    scene.fault = () => undefined;
    await openPage(tab, scene);
    await assertStillIn(email);
  });

  test(`${reloadsOfStorm} reloads in the middle of refreshes sign nobody out`, async (email) => {
    for (let reloads = 0; reloads < reloadsOfStorm; reloads += 1) {
      await tab.evaluate(() => void client.refresh().catch(() => undefined));
      await tab.reload();
      await poll(async () => (await tab.evaluate("typeof client === 'object'")) || undefined, 5000, "the client");
    }
    await assertStillIn(email);
  });

  test("a page that is left in the middle of a refresh", async (email) => {
    const open = Promise.withResolvers<void>();
    scene.fault = ({ path }) => (path === "/auth/refresh" ? open.promise : undefined);
    await tab.evaluate(() => void client.refresh().catch(() => undefined));
    await poll(async () => scene.to("/auth/refresh").length > 0 || undefined, 5000, "the refresh");
    await tab.goto(`${scene.origin}/elsewhere`);
    open.resolve();
    scene.fault = () => undefined;
    await openPage(tab, scene);
    await assertStillIn(email);
  });

  test("a sign-out without a network is one, and the server hears of it once there is one", async () => {
    scene.fault = () => "lose the request";
    assert.equal(await tab.evaluate(() => client.signOut()), false);
    assert.equal((await known(tab)).status, "signed-out");
    scene.fault = () => undefined;
    await tab.evaluate("void dispatchEvent(new Event('online'))");
    await poll(isEmpty, 5000, "the sign-out to be told");
    assert.equal(await refresh(tab), false);
  });

  test("the same, when the page is closed before", async () => {
    scene.fault = () => "lose the request";
    assert.equal(await tab.evaluate(() => client.signOut()), false);
    await tab.goto(`${scene.origin}/elsewhere`);
    scene.fault = () => undefined;
    await openPage(tab, scene);
    await poll(isEmpty, 5000, "the sign-out to be told");
    assert.deepEqual(scene.to("/auth/refresh"), []);
    assert.equal(await refresh(tab), false);
  });

  test("a page that comes back by the back button after a sign-out elsewhere knows it within a second", async () => {
    const other = await browser.newTab();
    try {
      await openPage(tab, scene, "?ask");
      await openPage(other, scene);
      assert.equal(await refresh(other), true);
      await tab.goto(`${scene.origin}/elsewhere`);
      await other.evaluate(() => client.signOut());
      scene.notes.length = 0;
      await tab.evaluate("void setTimeout(() => history.back(), 200)");
      const noted = (...what: string[]): Promise<{ at: number }> =>
        poll(async () => scene.notes.find((note) => what.includes(note.what)), 5000, what.join(" or "));
      const shown = await noted("kept");
      assert.ok((await noted("signed-out")).at - shown.at < 1000);
      assert.ok(!scene.notes.some(({ what }) => what === "signed-in"));
    } finally {
      await other.close();
    }
  });

  test("a page that is looked at again renews its token before it is asked for one", async () => {
    const before = await tab.evaluate(() => client.getAccessToken());
    await tab.evaluate("leap(850)");
    await tab.evaluate("void document.dispatchEvent(new Event('visibilitychange', { bubbles: true }))");
    await poll(async () => scene.to("/auth/refresh").length === 1 || undefined, 5000, "the refresh");
    const isNew = async (): Promise<true | undefined> =>
      (await tab.evaluate(() => client.getAccessToken())) !== before || undefined;
    await poll(isNew, 5000, "the new token");
    assert.equal(scene.to("/auth/refresh").length, 1);
  });

  test("a redirect to somebody else never carries the token", async () => {
    scene.strayed.length = 0;
    await tab.evaluate(() => client.fetch("/redirect").catch(() => undefined));
    // All take the token away; WebKit asks first whether it might bring it along (a preflight), and is told that it may.
    assert.notEqual(scene.strayed.length, 0, "the foreign origin was reached");
    for (const { headers } of scene.strayed) assert.equal(headers.authorization, undefined);
  });

  test("the own page in a frame of another site has no session there, and ends none", async (email) => {
    const other = await browser.newTab();
    try {
      await other.goto(`${scene.foreign}/elsewhere`);
      scene.notes.length = 0;
      await other.evaluate((src: string) => {
        document.body.append(Object.assign(document.createElement("iframe"), { src }));
      }, `${scene.origin}/page?ask`);
      await poll(async () => scene.notes.find(({ what }) => what === "signed-out"), 5000, "the frame");
      assert.equal(scene.to("/auth/refresh").at(-1)?.headers.cookie, undefined);
      await assertStillIn(email);
    } finally {
      await other.close();
    }
  });

  test("somebody else's origin never gets the token", async () => {
    scene.strayed.length = 0;
    await tab.evaluate((url: string) => client.fetch(url).then(() => undefined), `${scene.foreign}/elsewhere`);
    assert.equal(scene.strayed.length, 1, "no preflight, because there is no header to ask for");
    assert.equal(scene.strayed[0]?.headers.authorization, undefined);
  });

  test("a page of another origin of the same site lives the whole session of its issuer", async () => {
    const other = await browser.newTab();
    try {
      await other.goto(`${scene.sibling}/page?issuer=${encodeURIComponent(scene.origin)}`);
      await poll(async () => (await other.evaluate("typeof client === 'object'")) || undefined, 5000, "the client");
      const lives = async (email: string): Promise<unknown[]> => {
        const password = "four unlikely words together";
        await client.signUp({ email, password });
        const isIn = await client.refresh();
        const devices = await client.devices.list();
        await client.changePassword({ currentPassword: password, newPassword: `${password} now` });
        const goesOn = await client.refresh();
        return [isIn, devices.length, goesOn, await client.signOut(), await client.refresh()];
      };
      assert.deepEqual(await other.evaluate(lives, newEmail()), [true, 1, true, true, false]);
      assert.equal(scene.to("/auth/refresh").at(-1)?.headers.cookie, undefined);
    } finally {
      await other.close();
    }
  });

  test("a prefetch of every endpoint changes nothing", async (email) => {
    const { sid } = await known(tab);
    const paths = ["/auth/refresh", "/auth/confirm", "/auth/logout", "/auth/login"];
    await tab.evaluate(async (links: string[]) => {
      for (const href of links) {
        const link = Object.assign(document.createElement("link"), { rel: "prefetch", href });
        document.head.append(link);
        await fetch(href, { headers: { "Sec-Purpose": "prefetch", Purpose: "prefetch" } });
      }
    }, paths);
    await assertStillIn(email);
    assert.equal((await known(tab)).sid, sid);
  });

  for (const [what, seconds] of [
    ["ten years ahead", tenYearsSeconds],
    ["ten years behind", -tenYearsSeconds],
  ] as const) {
    test(
      `a wall clock ${what} changes nothing`,
      async (email) => {
        const token = await tab.evaluate(() => client.getAccessToken());
        assert.equal(await tab.evaluate(() => client.getAccessToken()), token);
        assert.deepEqual(scene.to("/auth/refresh"), []);
        await assertStillIn(email);
      },
      `?clock=${seconds}`,
    );
  }

  test("a browser that forbids storage", (email) => assertStillIn(email), "?storage=off");
});
