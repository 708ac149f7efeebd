// The client against the real server through a faulty network: lost and late answers, foreign answers, refusals that
// are no verdict, sign-out against refresh. No fault ends a session; a verdict does.

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { createScene, gate, newEmail, password, refuses, until } from "./scene.ts";

const scene = await createScene("--grace", "2s");
const { network } = scene;

const softZoneMilliseconds = 4_000;
const rest = (milliseconds: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, milliseconds));

/** The fault for requests to one path, the first `times` of them. */
function faultAt<Fault>(
  path: string,
  fault: Fault,
  times = Number.POSITIVE_INFINITY,
): (passed: { path: string }) => Fault | undefined {
  let left = times;
  return (passed) => {
    if (passed.path !== path || left === 0) return undefined;
    left -= 1;
    return fault;
  };
}

const keysOf = (): unknown[] => network.to("/auth/refresh").map(({ headers }) => headers["idempotency-key"]);

describe("lost answers", { concurrency: false }, () => {
  it("asks again with the same key and gets the identical successor", async () => {
    const { browser, client } = await scene.signedIn();
    network.fault = faultAt("/auth/refresh", "lose the answer" as const, 1);
    assert.equal(await client.refresh(), true);
    const keys = keysOf();
    assert.equal(keys.length, 2);
    assert.equal(keys[0], keys[1]);
    assert.deepEqual([...browser.storage.entries], []);
  });

  it("keeps session and key when every answer is lost, and a reload takes the key up", async () => {
    const { browser, client } = await scene.signedIn();
    network.fault = faultAt("/auth/refresh", "lose the answer" as const);
    await refuses(client.refresh(), "network_error");
    assert.equal(client.session.getSnapshot().status, "signed-in");
    assert.equal(browser.storage.entries.size, 1);
    network.fault = () => undefined;
    const reloaded = browser.open();
    assert.equal(await reloaded.refresh(), true);
    const keys = keysOf();
    assert.equal(keys.length, 3);
    assert.equal(new Set(keys).size, 1);
    assert.deepEqual(browser.farewells, []);
  });

  it("survives answers that are lost for longer than any zone", async () => {
    const { browser, client } = await scene.signedIn();
    for (let round = 0; round < 2; round += 1) {
      network.fault = faultAt("/auth/refresh", "lose the answer" as const, 2);
      await refuses(client.refresh(), "network_error");
      await rest(round === 1 ? softZoneMilliseconds + 100 : 1_050);
      assert.equal(await client.refresh(), true);
    }
    assert.deepEqual(browser.farewells, []);
  });

  it("survives lost confirmations", async () => {
    const { browser, client } = await scene.signedIn();
    network.fault = faultAt("/auth/confirm", "lose the request" as const);
    for (let round = 0; round < 4; round += 1) assert.equal(await client.refresh(), true);
    assert.deepEqual(browser.farewells, []);
  });

  it("ends what takes too long, keeps the session, and settles", async () => {
    const { client } = await scene.signedIn({ timeoutSeconds: 1 });
    network.fault = faultAt("/auth/refresh", "hang" as const);
    await refuses(client.refresh(), "timeout");
    assert.equal(client.session.getSnapshot().status, "signed-in");
    assert.equal(network.to("/auth/refresh").length, 2);
  });
});

it("gives a request up before the server's request_timeout", async () => {
  const { client } = await scene.signedIn();
  network.fault = faultAt("/auth/refresh", "hang" as const);
  const from = performance.now();
  await refuses(client.refresh(), "timeout");
  assert.ok(performance.now() - from < 9_000, "twice 0.8 of 2 s, and not of the 10 s that the client allows");
});

describe("tabs", () => {
  it("sends one refresh for many calls", async () => {
    const { browser } = await scene.signedIn();
    const client = browser.open();
    const tokens = await Promise.all(Array.from({ length: 20 }, () => client.getAccessToken()));
    assert.equal(new Set(tokens).size, 1);
    assert.equal(network.to("/auth/refresh").length, 1);
  });

  it("lets tabs refresh at the same time, round after round", async () => {
    const { browser } = await scene.signedIn();
    const tabs = Array.from({ length: 4 }, () => browser.open());
    for (let round = 0; round < 3; round += 1) {
      assert.deepEqual(await Promise.all(tabs.map((tab) => tab.refresh())), [true, true, true, true]);
      await rest(round === 1 ? softZoneMilliseconds + 100 : 0);
    }
    assert.deepEqual(browser.farewells, []);
  });

  it("takes up the attempt of another tab that is under way", async () => {
    const { browser, client } = await scene.signedIn();
    const other = browser.open();
    const answers = gate();
    network.fault = faultAt("/auth/refresh", answers.passed, 2);
    const both = Promise.all([client.refresh(), other.refresh()]);
    await until(() => network.to("/auth/refresh").length === 2);
    answers.open();
    assert.deepEqual(await both, [true, true]);
    assert.equal(new Set(keysOf()).size, 1);
  });
});

const page = { "content-type": "text/html" };
const problem = { "content-type": "application/problem+json" };
const superseded = JSON.stringify({ code: "refresh_token_superseded", status: 409, title: "x", terminal: false });

describe("answers that are no verdict", { concurrency: false }, () => {
  const foreign = [
    {
      name: "a page with 200",
      status: 200,
      headers: page,
      body: "<p>Sign in to the hotel</p>",
      code: "unexpected_answer",
      sends: 1,
    },
    {
      name: "a page with 401",
      status: 401,
      headers: page,
      body: "<p>Who are you?</p>",
      code: "unexpected_answer",
      sends: 1,
    },
    {
      name: "JSON with 401 that is not ours",
      status: 401,
      headers: { "content-type": "application/json" },
      body: "{}",
      code: "unexpected_answer",
      sends: 1,
    },
    {
      name: "JSON with 200 that is no session",
      status: 200,
      headers: { "content-type": "application/json" },
      body: '{"a":1}',
      code: "unexpected_answer",
      sends: 2,
    },
    {
      name: "a redirection",
      status: 302,
      headers: { location: "/elsewhere" },
      body: "",
      code: "network_error",
      sends: 2,
    },
    {
      name: "502 of a gateway",
      status: 502,
      headers: page,
      body: "<h1>Bad gateway</h1>",
      code: "unexpected_answer",
      sends: 2,
    },
    {
      name: "409 for ever",
      status: 409,
      headers: problem,
      body: superseded,
      code: "refresh_token_superseded",
      sends: 2,
    },
    {
      name: "a terminal word in a status that carries no verdict",
      status: 403,
      headers: problem,
      body: JSON.stringify({ code: "session_revoked", terminal: true }),
      code: "session_revoked",
      sends: 1,
    },
  ];
  for (const { name, code, sends, ...answer } of foreign) {
    it(`keeps the session at ${name}`, async () => {
      const { browser, client } = await scene.signedIn();
      network.fault = faultAt("/auth/refresh", answer);
      await refuses(client.refresh(), code);
      assert.equal(network.to("/auth/refresh").length, sends);
      assert.equal(client.session.getSnapshot().status, "signed-in");
      assert.deepEqual(browser.farewells, []);
      network.fault = () => undefined;
      assert.equal(await browser.open().refresh(), true);
    });
  }

  it("asks once more after 409, with what the jar holds then", async () => {
    const { client } = await scene.signedIn();
    network.fault = faultAt("/auth/refresh", { status: 409, headers: problem, body: superseded }, 1);
    assert.equal(await client.refresh(), true);
    assert.equal(network.to("/auth/refresh").length, 2);
  });

  for (const status of [429, 503]) {
    it(`waits as long as ${status} asks, without a request`, async () => {
      const { client } = await scene.signedIn();
      const code = status === 429 ? "rate_limited" : "store_unavailable";
      const body = JSON.stringify({ code, status, title: "x", terminal: false });
      const headers = { ...problem, "retry-after": "1" };
      network.fault = faultAt("/auth/refresh", { status, headers, body }, 1);
      await refuses(client.refresh(), code);
      await refuses(client.refresh(), code);
      assert.equal(network.to("/auth/refresh").length, 1);
      assert.notEqual(await client.getAccessToken(), null, "the access token in hand is still good");
      await rest(1_050);
      assert.equal(await client.refresh(), true);
    });
  }
});

describe("verdicts", { concurrency: false }, () => {
  it("is signed out once the server says so, once", async () => {
    const { browser, client, email } = await scene.signedIn();
    const elsewhere = scene.browser().open();
    await elsewhere.signIn({ email, password });
    await elsewhere.devices.revokeOthers();
    await refuses(client.devices.list(), "invalid_token");
    await refuses(client.devices.list(), "signed_out");
    assert.equal(client.session.getSnapshot().reason, "session_revoked");
    assert.deepEqual(browser.farewells, ["session_revoked"]);
    network.passed.length = 0;
    assert.equal(await client.getAccessToken(), null);
    assert.deepEqual(network.passed, []);
  });

  it("goes on when another tab of the browser signed in anew", async () => {
    const { browser, client, email } = await scene.signedIn();
    const other = browser.open();
    await other.signIn({ email, password });
    assert.equal(await client.refresh(), true);
    assert.equal(client.session.getSnapshot().session?.id, other.session.getSnapshot().session?.id);
  });
});

describe("sign-out against refresh", { concurrency: false }, () => {
  it("wins over a refresh whose answer comes later", async () => {
    const { browser, client } = await scene.signedIn();
    const answer = gate();
    network.fault = faultAt("/auth/refresh", answer.passed, 1);
    const refreshing = client.refresh();
    await until(() => network.to("/auth/refresh").length === 1);
    const leaving = client.signOut();
    assert.equal(client.session.getSnapshot().status, "signed-out");
    await leaving;
    answer.open();
    assert.equal(await refreshing, false);
    assert.equal(client.session.getSnapshot().status, "signed-out");
    assert.equal(await client.getAccessToken(), null);
    assert.deepEqual(browser.farewells, ["signed_out"]);
    // The late Set-Cookie put a token back into the jar: it is one of a session that is over.
    assert.equal(browser.jar.cookies.size, 1);
    assert.equal(await browser.open().refresh(), false);
  });

  it("does not ask again after a sign-out", async () => {
    const { client } = await scene.signedIn();
    network.fault = faultAt("/auth/refresh", "lose the answer" as const);
    const refreshing = client.refresh();
    await until(() => network.to("/auth/refresh").length === 1);
    await client.signOut();
    assert.equal(await refreshing, false);
    assert.equal(network.to("/auth/refresh").length, 1);
  });

  it("is made up for by the next page when the server did not hear of it", async () => {
    const { browser, client } = await scene.signedIn();
    network.fault = faultAt("/auth/logout", "lose the request" as const);
    assert.equal(await client.signOut(), false);
    assert.equal(client.session.getSnapshot().status, "signed-out");
    const reloaded = browser.open();
    await refuses(reloaded.refresh(), "network_error");
    assert.notEqual(reloaded.session.getSnapshot().status, "signed-in");
    // The call, what the next page tried on its own, and twice before its refresh.
    await until(() => network.to("/auth/logout").length === 4);
    network.fault = () => undefined;
    network.passed.length = 0;
    const later = browser.open();
    assert.equal(await later.refresh(), false);
    assert.deepEqual(
      network.passed.map(({ path }) => path),
      ["/auth/logout", "/auth/refresh"],
    );
    assert.deepEqual([...browser.storage.entries], []);
  });

  it("is made up for by a page that nobody calls", async () => {
    const { browser, client } = await scene.signedIn();
    network.fault = faultAt("/auth/logout", "lose the request" as const);
    assert.equal(await client.signOut(), false);
    network.fault = () => undefined;
    browser.open();
    await until(() => browser.storage.entries.size === 0);
    assert.equal(browser.jar.cookies.size, 0);
    assert.deepEqual(network.to("/auth/refresh"), []);
  });

  it("is made up for before the next sign-in: no session is left behind", async () => {
    const { client, email } = await scene.signedIn();
    network.fault = faultAt("/auth/logout", "lose the request" as const);
    assert.equal(await client.signOut(), false);
    network.fault = () => undefined;
    await client.signIn({ email, password });
    assert.equal((await client.devices.list()).length, 1);
  });

  it("does not make up for it when somebody signed in meanwhile", async () => {
    const { browser, client, email } = await scene.signedIn();
    network.fault = faultAt("/auth/logout", "lose the request" as const);
    assert.equal(await client.signOut(), false);
    network.fault = () => undefined;
    await client.signIn({ email, password });
    assert.deepEqual([...browser.storage.entries], []);
    assert.equal(await browser.open().refresh(), true);
  });

  it("does not make up for it on a session that something else than this client began", async () => {
    const { browser, client, email } = await scene.signedIn();
    network.fault = faultAt("/auth/logout", "lose the request" as const);
    assert.equal(await client.signOut(), false);
    network.fault = () => undefined;
    const headers = { "content-type": "application/json" };
    const body = JSON.stringify({ email, password });
    await browser.jar.fetch(new Request(`${network.origin}/auth/login`, { method: "POST", headers, body }));
    assert.equal(await browser.open().refresh(), true);
  });

  it("is made up for although it was not known yet who was signed in", async () => {
    const { browser } = await scene.signedIn();
    network.fault = faultAt("/auth/logout", "lose the request" as const);
    assert.equal(await browser.open().signOut(), false);
    network.fault = () => undefined;
    const later = browser.open();
    assert.equal(await later.refresh(), false);
    assert.equal(browser.jar.cookies.size, 0);
    assert.deepEqual([...browser.storage.entries], []);
  });

  it("of nobody in particular is void once somebody has signed in", async () => {
    const { browser, email } = await scene.signedIn();
    network.fault = faultAt("/auth/logout", "lose the request" as const);
    const client = browser.open();
    assert.equal(await client.signOut(), false);
    await client.signIn({ email, password });
    network.fault = () => undefined;
    assert.equal(await browser.open().refresh(), true);
  });

  it("goes on after junk in the storage, which ends nobody", async () => {
    const { browser } = await scene.signedIn();
    browser.storage.setItem(`pawl:${network.origin}:leaving`, "{junk");
    assert.equal(await browser.open().refresh(), true);
    assert.deepEqual([...browser.storage.entries], []);
  });

  it("is made up for by the same page where the browser forbids storage", async () => {
    const { browser } = await scene.signedIn();
    const refuse = (): never => {
      throw new Error("forbidden");
    };
    const client = browser.open({ storage: { getItem: refuse, setItem: refuse, removeItem: refuse } });
    assert.equal(await client.refresh(), true);
    network.fault = faultAt("/auth/logout", "lose the request" as const);
    assert.equal(await client.signOut(), false);
    network.fault = () => undefined;
    assert.equal(await client.refresh(), false);
    assert.equal(browser.jar.cookies.size, 0);
  });

  it("says that it was told where the browser forbids storage", async () => {
    const { browser } = await scene.signedIn();
    const refuse = (): never => {
      throw new Error("forbidden");
    };
    const client = browser.open({ storage: { getItem: refuse, setItem: refuse, removeItem: refuse } });
    assert.equal(await client.refresh(), true);
    assert.equal(await client.signOut(), true);
  });

  it("makes a sign-in wait for the refresh before it, so that no late cookie overwrites the new one", async () => {
    const { browser, client } = await scene.signedIn();
    const answer = gate();
    network.fault = faultAt("/auth/refresh", answer.passed, 1);
    const refreshing = client.refresh();
    await until(() => network.to("/auth/refresh").length === 1);
    const email = newEmail();
    const signingUp = client.signUp({ email, password });
    await rest(50);
    assert.equal(network.to("/auth/register").length, 0);
    answer.open();
    await Promise.all([refreshing, signingUp]);
    const reloaded = browser.open();
    assert.equal(await reloaded.refresh(), true);
    assert.equal(reloaded.session.getSnapshot().user?.email, email);
  });

  it("makes a sign-in wait for the sign-out before it, whose answer deletes the cookie", async () => {
    const { browser, client, email } = await scene.signedIn();
    const answer = gate();
    network.fault = faultAt("/auth/logout", answer.passed, 1);
    const leaving = client.signOut();
    const signingIn = client.signIn({ email, password });
    await until(() => network.to("/auth/logout").length === 1);
    await rest(50);
    assert.equal(network.to("/auth/login").length, 0);
    answer.open();
    await Promise.all([leaving, signingIn]);
    assert.equal(await browser.open().refresh(), true);
  });

  it("wins over a sign-in under way", async () => {
    const browser = scene.browser();
    const client = browser.open();
    const answer = gate();
    network.passed.length = 0;
    network.fault = faultAt("/auth/register", answer.passed, 1);
    const signingUp = client.signUp({ email: newEmail(), password });
    await until(() => network.to("/auth/register").length === 1);
    await client.signOut();
    answer.open();
    await refuses(signingUp, "signed_out");
    assert.equal(client.session.getSnapshot().status, "signed-out");
    assert.equal(browser.jar.cookies.size, 0);
  });

  for (const lost of ["the answer to it", "what the client then says"] as const) {
    it(`wins over a sign-in under way, although ${lost} is lost`, async () => {
      const { browser, email } = await scene.signedIn();
      const client = browser.open();
      const late = gate();
      let isCookieKept = false;
      // The cookie arrives; whether the page hears of it is another matter.
      const fetchAndLose = async (request: Request): Promise<Response> => {
        const response = await browser.jar.fetch(request);
        if (!request.url.endsWith("/auth/login")) return response;
        isCookieKept = true;
        await late.passed;
        if (lost === "the answer to it") throw new TypeError("lost");
        return response;
      };
      const losing = browser.open({ fetch: fetchAndLose });
      const signingIn = losing.signIn({ email, password });
      await until(() => isCookieKept);
      network.fault = faultAt("/auth/logout", "lose the request" as const);
      assert.equal(await losing.signOut(), false);
      late.open();
      await refuses(signingIn, "signed_out");
      network.fault = () => undefined;
      assert.equal(await browser.open().refresh(), false, "the next page tells the server");
      assert.equal(browser.jar.cookies.size, 0);
      await client.signIn({ email, password });
      assert.equal((await client.devices.list()).length, 2, "the one before, and this");
    });
  }

  for (const next of ["a sign-out", "a sign-in as somebody else"] as const) {
    it(`: ${next} wins over a re-authentication under way`, async () => {
      const { browser } = await scene.signedIn();
      const answer = gate();
      let isAnswered = false;
      const client = browser.open({
        async fetch(request) {
          const response = await browser.jar.fetch(request);
          if (request.url.endsWith("/auth/reauthenticate")) {
            isAnswered = true;
            await answer.passed;
          }
          return response;
        },
      });
      const renewing = client.reauthenticate({ password });
      await until(() => isAnswered);
      const email = newEmail();
      if (next === "a sign-out") await client.signOut();
      else await client.signUp({ email, password });
      const then = client.session.getSnapshot();
      const token = await client.getAccessToken();
      answer.open();
      await renewing;
      assert.deepEqual(client.session.getSnapshot(), then);
      assert.equal(await client.getAccessToken(), token);
    });
  }
});
