// What tabs tell each other, and what is done in a turn only: the parts of the client that need other tabs, with a
// channel that the test holds. The real server answers; real tabs are in test/browsers.

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { createAttempts } from "../../src/client/attempt.ts";
import { createBudget } from "../../src/client/budget.ts";
import { cookieCredential } from "../../src/client/credential.ts";
import { createHolding, type Holding } from "../../src/client/holding.ts";
import { createMemory } from "../../src/client/memory.ts";
import { createState, type State } from "../../src/client/state.ts";
import type { News, Tabs } from "../../src/client/tabs.ts";
import { type Answer, createTransport } from "../../src/client/transport.ts";
import { createTurnstile, type Turnstile } from "../../src/client/turnstile.ts";
import { storage } from "./cookie-jar.ts";
import { type Browser, createScene, leap, newEmail, password, until } from "./scene.ts";

const scene = await createScene();
const { network } = scene;

const patienceSeconds = 10;
const turnMilliseconds = 3000;

/** A tab whose turns last so long, and what it tells. */
function tab(browser: Browser, aloneFor: number): { turnstile: Turnstile; state: State; told: News[] } {
  const told: News[] = [];
  const tabs: Tabs = {
    inTurn: (turn) => turn(aloneFor && performance.now() + aloneFor),
    tell: (news) => void told.push(news),
    listen: () => undefined,
  };
  const state = createState();
  const keeping = { memory: createMemory(() => browser.storage), credential: cookieCredential, name: "pawl" };
  const transport = createTransport(network.origin, browser.jar.fetch, patienceSeconds, "include");
  return { turnstile: createTurnstile(state, transport, tabs, keeping, () => undefined), state, told };
}

/** A browser whose session was ended elsewhere. */
async function ended(): Promise<{ browser: Browser; email: string; sid: string | undefined }> {
  const { browser, client, email } = await scene.signedIn();
  const elsewhere = scene.browser().open();
  await elsewhere.signIn({ email, password });
  await elsewhere.devices.revokeOthers();
  network.passed.length = 0;
  return { browser, email, sid: client.session.getSnapshot().session?.id };
}

describe("the dead cookie", { concurrency: false }, () => {
  it("is cleared in a turn that is young, and nothing but it", async () => {
    const { browser, sid } = await ended();
    const { turnstile, state } = tab(browser, turnMilliseconds);
    await turnstile.refresh();
    assert.equal(state.store.getSnapshot().reason, "session_revoked");
    await until(() => network.to("/auth/logout").length === 1);
    assert.deepEqual(JSON.parse(network.to("/auth/logout")[0]?.body ?? ""), { sid });
    await until(() => browser.jar.cookies.size === 0);
  });

  for (const [where, aloneFor] of [
    ["beside another tab", 0],
    ["in a turn that others may soon stop waiting for", 900],
  ] as const) {
    it(`stays ${where}`, async () => {
      const { browser } = await ended();
      const { turnstile, state } = tab(browser, aloneFor);
      await turnstile.refresh();
      assert.equal(state.store.getSnapshot().reason, "session_revoked");
      // A later turn begins only when everything of this one is done.
      await turnstile.resume();
      assert.deepEqual(network.to("/auth/logout"), []);
      assert.equal(browser.jar.cookies.size, 1);
    });
  }

  it("is waited for by the next sign-in, and no longer than the turn lasts", async () => {
    const { browser, email } = await ended();
    const { turnstile } = tab(browser, 1500);
    network.fault = ({ path }) => (path === "/auth/logout" ? "hang" : undefined);
    const from = performance.now();
    await turnstile.refresh();
    const body = { email, password, transport: "cookie" };
    await turnstile.enter({ path: "/auth/login", body });
    assert.ok(performance.now() - from > 1000, "the sign-in waited");
    assert.ok(performance.now() - from < patienceSeconds * 1000, "but not for ever");
    assert.equal(await browser.open().refresh(), true);
  });
});

describe("a sign-out", { concurrency: false }, () => {
  it("is told to the other tabs, known or not who was signed in", async () => {
    const { browser } = await scene.signedIn();
    const unknown = tab(browser, turnMilliseconds);
    await unknown.turnstile.leave();
    assert.deepEqual(unknown.told, [{ reason: "signed_out", sid: undefined }]);
    const other = tab(scene.browser(), turnMilliseconds);
    await other.turnstile.enter({ path: "/auth/register", body: { email: newEmail(), password } });
    const sid = other.state.store.getSnapshot().session?.id;
    await other.turnstile.leave();
    assert.deepEqual(other.told.at(-1), { reason: "signed_out", sid });
  });

  it("of whoever is signed in ends what a tab holds; that of another session does not", () => {
    for (const [sid, status] of [
      [undefined, "signed-out"],
      ["one", "signed-out"],
      ["another", "signed-in"],
    ] as const) {
      const { holding, state } = hold();
      holding.adopt(answerOf("one"), performance.now());
      holding.hear({ reason: "signed_out", sid }, assert.fail);
      assert.equal(state.store.getSnapshot().status, status, String(sid));
    }
  });
});

const lifetimeSeconds = 900;

function answerOf(id: string): Answer {
  const user = { id: "person", email: null, name: null };
  return { access_token: `token of ${id}`, expires_in: lifetimeSeconds, session: { id }, user };
}

function hold(): { holding: Holding; state: State } {
  const state = createState();
  const attempts = createAttempts({ memory: createMemory(storage), name: "pawl" });
  return { holding: createHolding(state, undefined, attempts, createBudget(), () => undefined), state };
}

describe("news", { concurrency: false }, () => {
  it("brings a token whose lifetime began when it was asked for", (test) => {
    const ahead = leap(test);
    const { holding, state } = hold();
    holding.hear({ answer: answerOf("one"), at: Date.now() - 20_000 }, assert.fail);
    assert.equal(state.token(), "token of one");
    ahead(lifetimeSeconds * 0.98 - 21);
    assert.equal(state.token(), "token of one");
    ahead(2);
    assert.equal(state.token(), undefined);
  });

  for (const milliseconds of [-31_000, 31_000]) {
    it(`that is ${milliseconds / 1000} s old says nothing, but to whoever is signed out that there is something to ask`, () => {
      const { holding, state } = hold();
      const at = Date.now() - milliseconds;
      holding.hear({ answer: answerOf("one"), at }, assert.fail);
      assert.equal(state.store.getSnapshot().status, "unknown");
      holding.adopt(answerOf("two"), performance.now());
      holding.hear({ answer: answerOf("one"), at }, assert.fail);
      assert.equal(state.token(), "token of two");
      holding.end("signed_out");
      let asked = 0;
      holding.hear({ answer: answerOf("one"), at }, () => {
        asked += 1;
      });
      assert.equal(state.store.getSnapshot().status, "signed-out");
      assert.equal(asked, 1);
    });
  }

  it("of a session that is over is void, until the server says something else", () => {
    const { holding, state } = hold();
    holding.adopt(answerOf("one"), performance.now());
    holding.hear({ reason: "session_revoked", sid: "one" }, assert.fail);
    const late = { answer: answerOf("one"), at: Date.now() };
    holding.hear(late, assert.fail);
    assert.equal(state.store.getSnapshot().status, "signed-out");
    holding.adopt(answerOf("one"), performance.now());
    assert.equal(state.store.getSnapshot().status, "signed-out", "nor is an answer that was under way");
    holding.forget();
    holding.adopt(answerOf("one"), performance.now());
    assert.equal(state.store.getSnapshot().status, "signed-in");
  });

  for (const where of ["here", "elsewhere"]) {
    it(`of the session before a sign-in ${where} is void`, () => {
      const { holding, state } = hold();
      holding.adopt(answerOf("one"), performance.now());
      if (where === "here") holding.adopt(answerOf("two"), performance.now());
      else holding.hear({ answer: answerOf("two"), at: Date.now() }, assert.fail);
      holding.hear({ answer: answerOf("one"), at: Date.now() }, assert.fail);
      assert.equal(state.token(), "token of two");
      assert.equal(holding.sid(), "two");
    });
  }
});
