// The client in real browsers, where tabs share a cookie jar: they take turns, tell each other, and no lock, no message
// and no tab that hangs is needed for any of it. On http://localhost and on https.

import assert from "node:assert/strict";
import { before, it } from "node:test";
import {
  becomes,
  everywhere,
  known,
  newEmail,
  openPage,
  type PageOfClient,
  type Place,
  password,
  refresh,
  type Scene,
  signUp,
} from "./client-scene.ts";
import { poll } from "./deadline.ts";
import type { Browser, Tab } from "./engines.ts";

declare const client: PageOfClient["client"];
declare const leap: PageOfClient["leap"];

const manyTabsOf: Readonly<Record<Place, number>> = { "http://localhost": 20, "https://app.test": 6 };
/** One refresh is what many tabs need; a message that comes after the turn costs another. */
const refreshesOfManyTabsMax = 3;

everywhere("tabs", (stage) => {
  let scene: Scene;
  let browser: Browser;
  let tabs: Tab[] = [];
  before(() => {
    ({ scene, browser } = stage);
  });

  /** Tabs on the page, all signed in as a new person; closed when the test is over. */
  const test = (name: string, count: number, run: (first: Tab, second: Tab, email: string) => Promise<void>): void => {
    it(name, async () => {
      tabs = [];
      try {
        for (let index = 0; index < count; index += 1) {
          const tab = await browser.newTab();
          tabs.push(tab);
          await openPage(tab, scene);
        }
        const [first, second = first] = tabs as [Tab, Tab?];
        const email = await signUp(first, scene);
        for (const tab of tabs) await becomes(tab, "signed-in", 1000);
        await run(first, second, email);
      } finally {
        scene.fault = () => undefined;
        for (const tab of tabs) await tab.close();
      }
    });
  };

  test("a sign-in in one tab is known in the other, with its access token", 2, async (first, second, email) => {
    assert.equal((await known(second)).email, email);
    assert.notEqual(await second.evaluate(() => client.getAccessToken()), null);
    assert.deepEqual(scene.to("/auth/refresh"), []);
    const tokens = await Promise.all([first, second].map((tab) => tab.evaluate(() => client.getAccessToken())));
    assert.equal(tokens[0], tokens[1]);
  });

  test("both refresh at once, again and again, and nobody is signed out", 2, async (first, second) => {
    for (let round = 0; round < 5; round += 1) {
      assert.deepEqual(await Promise.all([refresh(first), refresh(second)]), [true, true]);
    }
    for (const tab of [first, second]) assert.deepEqual((await known(tab)).farewells, []);
  });

  const manyTabs = manyTabsOf[stage.place];
  test(`${manyTabs} tabs that wake at once need one refresh`, manyTabs, async () => {
    // Whatever was answered while signing up is settled.
    const wake = (): Promise<string | null> => {
      leap(900);
      return client.getAccessToken();
    };
    const tokens = await Promise.all(tabs.map((tab) => tab.evaluate(wake)));
    assert.ok(tokens.every((token) => token !== null));
    const count = scene.to("/auth/refresh").length;
    assert.ok(count >= 1 && count <= refreshesOfManyTabsMax, `${count} refreshes`);
    for (const tab of tabs) assert.deepEqual((await known(tab)).farewells, []);
  });

  test("a sign-out in one tab is one in the other within a second", 2, async (first, second) => {
    await first.evaluate(() => client.signOut());
    await becomes(second, "signed-out", 1000);
    assert.deepEqual((await known(second)).farewells, ["signed_out"]);
    scene.passed.length = 0;
    assert.equal(await refresh(second), false);
    assert.equal(scene.to("/auth/refresh")[0]?.headers.cookie, undefined, "the cookie is gone");
  });

  test(
    "a sign-out by a page that does not know yet who is signed in is one in the other tab, too",
    2,
    async (first, second) => {
      await openPage(first, scene);
      assert.equal((await known(first)).status, "unknown");
      assert.equal(await first.evaluate(() => client.signOut()), true);
      await becomes(second, "signed-out", 1000);
      assert.deepEqual((await known(second)).farewells, ["signed_out"]);
    },
  );

  test(
    "a verdict signs out both tabs within a second, and the dead cookie is cleared",
    2,
    async (first, second, email) => {
      await endElsewhere(scene, email);
      assert.equal(await refresh(first), false);
      await becomes(second, "signed-out", 1000);
      for (const tab of [first, second]) assert.deepEqual((await known(tab)).farewells, ["session_revoked"]);
      scene.passed.length = 0;
      assert.equal(await refresh(second), false);
      assert.equal(scene.to("/auth/refresh")[0]?.headers.cookie, undefined, "the cookie is gone");
    },
  );

  test("a page that finds a dead cookie clears it", 1, async (first, _, email) => {
    await endElsewhere(scene, email);
    await openPage(first, scene);
    assert.equal(await refresh(first), false);
    assert.equal((await known(first)).reason, "session_revoked");
    await openPage(first, scene);
    scene.passed.length = 0;
    assert.equal(await refresh(first), false);
    assert.equal(scene.to("/auth/refresh")[0]?.headers.cookie, undefined);
  });

  test(
    "a sign-in as somebody else takes the other tab along, and its late refresh does not take it back",
    2,
    async (first, second) => {
      const open = Promise.withResolvers<void>();
      scene.fault = ({ path }) => (path === "/auth/refresh" ? open.promise : undefined);
      const late = refresh(second);
      const isUnderWay = async (): Promise<true | undefined> => scene.to("/auth/refresh").length === 1 || undefined;
      await poll(isUnderWay, 5000, "the refresh");
      const email = newEmail();
      const input = { email, password };
      const entering = first.evaluate((given) => client.signUp(given).then(() => undefined), input);
      await new Promise((resolve) => setTimeout(resolve, 100));
      assert.equal(scene.to("/auth/register").length, 0, "a sign-in waits for the turn");
      open.resolve();
      await Promise.all([late, entering]);
      for (const tab of [first, second]) {
        await becomes(tab, "signed-in", 1000);
        assert.equal((await known(tab)).email, email);
      }
      assert.equal(await refresh(second), true);
      assert.equal((await known(second)).email, email);
    },
  );

  test("news that was wrong is corrected by the next answer of the server", 2, async (first, second) => {
    const { sid } = await known(first);
    await second.evaluate((name: string) => {
      const { user } = client.session.getSnapshot();
      const answer = { access_token: "stale", expires_in: 900, session: { id: "another" }, user };
      new BroadcastChannel(name).postMessage({ answer, at: performance.timeOrigin + performance.now() });
    }, `pawl:${scene.origin}`);
    await poll(async () => ((await known(first)).sid === "another" ? true : undefined), 5000, "the news");
    assert.equal(await refresh(first), true);
    assert.equal((await known(first)).sid, sid);
    assert.notEqual(await first.evaluate(() => client.getAccessToken()), "stale");
  });

  test("a tab that hangs on to the turn delays the other by a bounded time", 2, async (first, second) => {
    await first.evaluate((name: string) => {
      void navigator.locks.request(name, () => new Promise(() => undefined));
    }, `pawl:${scene.origin}`);
    const from = performance.now();
    assert.equal(await refresh(second), true);
    const took = performance.now() - from;
    assert.ok(took > 2500 && took < 15_000, `${Math.round(took)} ms`);
    await first.close();
    tabs.shift();
    const then = performance.now();
    assert.equal(await refresh(second), true);
    const afterwards = performance.now() - then;
    assert.ok(afterwards < took, `a tab that is closed gives the turn away: ${Math.round(afterwards)} ms`);
  });

  test("nothing that looks like a token is where a script could find it later", 1, async (first) => {
    await refresh(first);
    const found = await first.evaluate(async () => {
      const databases = (await indexedDB.databases?.()) ?? [];
      const stores = [localStorage, sessionStorage].map((storage) => JSON.stringify({ ...storage }));
      return [...stores, document.cookie, location.href, JSON.stringify(databases), JSON.stringify(history.state)];
    });
    assert.doesNotMatch(found.join("\n"), /pawl_rt_|eyJ/);
    assert.equal(found[0], "{}", "the attempt key goes once its answer is there");
  });
});

/** The person signs in with another device and ends all others. */
async function endElsewhere(scene: Scene, email: string): Promise<void> {
  const { request } = await import(scene.origin.startsWith("https") ? "node:https" : "node:http");
  const call = (method: string, path: string, headers: Record<string, string>, body = ""): Promise<string> =>
    new Promise((resolve, reject) => {
      const { port } = new URL(scene.origin);
      const host = new URL(scene.origin).host;
      const options = {
        host: "127.0.0.1",
        port,
        method,
        path,
        headers: { host, ...headers },
        rejectUnauthorized: false,
      };
      const sent = request(options, (answer: NodeJS.ReadableStream) => {
        let text = "";
        answer.on("data", (chunk: Buffer) => {
          text += chunk;
        });
        answer.on("end", () => resolve(text));
      });
      sent.on("error", reject);
      sent.end(body);
    });
  const json = { "content-type": "application/json" };
  const login = await call("POST", "/auth/login", json, JSON.stringify({ email, password, transport: "body" }));
  const { access_token: token } = JSON.parse(login) as { access_token: string };
  const ended = await call("DELETE", "/auth/sessions?except=current", { authorization: `Bearer ${token}` });
  assert.ok((JSON.parse(ended) as { revoked: number }).revoked >= 1);
}
