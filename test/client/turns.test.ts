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
import { type Browser, createScene, gate, leap, newEmail, password, until } from "./scene.ts";

const scene = await createScene();
const { network } = scene;

const patienceSeconds = 10;
const turnMilliseconds = 12_000;

/** A tab whose turns last so long, and what it tells. */
function tab(
  browser: Browser,
  aloneFor: number,
  patience = patienceSeconds,
): { turnstile: Turnstile; state: State; told: News[] } {
  const told: News[] = [];
  const tabs: Tabs = {
    inTurn: (turn) => turn(aloneFor && performance.now() + aloneFor),
    tell: (news) => void told.push(news),
    listen: () => undefined,
  };
  const state = createState();
  const keeping = { memory: createMemory(() => browser.storage), credential: cookieCredential, name: "pawl" };
  const transport = createTransport(network.origin, browser.jar.fetch, patience, "include");
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
    ["in a turn that sign-ins may soon stop waiting for", 9_900],
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

  it("is waited for by the next sign-in, and no longer than a call may take", async () => {
    const { browser, email } = await ended();
    const { turnstile } = tab(browser, turnMilliseconds, 1);
    network.fault = ({ path }) => (path === "/auth/logout" ? "hang" : undefined);
    const from = performance.now();
    await turnstile.refresh();
    const body = { email, password, transport: "cookie" };
    await turnstile.enter({ path: "/auth/login", body });
    assert.ok(performance.now() - from > 900, "the sign-in waited");
    assert.equal(await browser.open().refresh(), true);
  });
});

it("a refresh is confirmed in its turn, which its caller does not wait for", async () => {
  const { browser } = await scene.signedIn();
  const { turnstile } = tab(browser, turnMilliseconds);
  const answer = gate();
  network.fault = ({ path }) => (path === "/auth/confirm" ? answer.passed : undefined);
  await turnstile.refresh();
  await until(() => network.to("/auth/confirm").length === 1);
  const next = turnstile.refresh();
  await new Promise((resolve) => setTimeout(resolve, 100));
  assert.equal(network.to("/auth/refresh").length, 1, "the next turn waits for it");
  answer.open();
  await next;
  assert.equal(network.to("/auth/refresh").length, 2);
});

describe("what another tab told meanwhile", { concurrency: false }, () => {
  it("counts more than a late verdict on the session before", async () => {
    const { browser, email } = await ended();
    const { turnstile, state, told } = tab(browser, turnMilliseconds);
    const old = browser.open();
    // The tab knows the session that has ended.
    turnstile.hear({ answer: answerOf("ended"), at: Date.now() });
    const verdict = gate();
    network.fault = ({ path }) => (path === "/auth/refresh" ? verdict.passed : undefined);
    const refreshing = turnstile.refresh();
    await until(() => network.to("/auth/refresh").length === 1);
    network.fault = () => undefined;
    // Another tab has lost its patience, signs in, and tells.
    await old.signIn({ email, password });
    const { user, session } = old.session.getSnapshot();
    turnstile.hear({ answer: { ...answerOf("new"), user, session }, at: Date.now() });
    verdict.open();
    await refreshing;
    assert.equal(state.store.getSnapshot().status, "signed-in");
    assert.equal(state.store.getSnapshot().session?.id, session?.id);
    assert.ok(!told.some((news) => "reason" in news));
    assert.equal(await browser.open().refresh(), true);
  });

  it("signs out a page that is still asking who is signed in", async () => {
    const { browser, client } = await scene.signedIn();
    const sid = client.session.getSnapshot().session?.id;
    const { turnstile, state } = tab(browser, turnMilliseconds);
    const answer = gate();
    network.fault = ({ path }) => (path === "/auth/refresh" ? answer.passed : undefined);
    const refreshing = turnstile.refresh();
    await until(() => network.to("/auth/refresh").length === 1);
    turnstile.hear({ reason: "signed_out", sid });
    answer.open();
    await refreshing;
    assert.equal(state.store.getSnapshot().status, "signed-out");
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
      holding.hear({ reason: "signed_out", sid });
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
    holding.hear({ answer: answerOf("one"), at: Date.now() - 20_000 });
    assert.equal(state.token(), "token of one");
    ahead(lifetimeSeconds * 0.98 - 21);
    assert.equal(state.token(), "token of one");
    ahead(2);
    assert.equal(state.token(), undefined);
  });

  for (const milliseconds of [3_600_000, -3_600_000]) {
    it(`that waited in a frozen tab, or comes from another clock (${milliseconds} ms), says who is signed in, and no more`, () => {
      const { holding, state } = hold();
      holding.hear({ reason: "signed_out", sid: "one" });
      holding.hear({ answer: answerOf("two"), at: Date.now() - milliseconds });
      assert.equal(state.store.getSnapshot().status, "signed-in");
      assert.equal(state.token(), undefined);
    });
  }

  it("of a session that is over is void, until the server says something else", () => {
    const { holding, state } = hold();
    holding.adopt(answerOf("one"), performance.now());
    holding.hear({ reason: "session_revoked", sid: "one" });
    const late = { answer: answerOf("one"), at: Date.now() };
    holding.hear(late);
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
      else holding.hear({ answer: answerOf("two"), at: Date.now() });
      holding.hear({ answer: answerOf("one"), at: Date.now() });
      assert.equal(state.token(), "token of two");
      assert.equal(holding.sid(), "two");
    });
  }
});
