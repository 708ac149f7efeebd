// The HTTP layer over a store that fails: whichever store call of whichever endpoint fails, the answer is 503 with
// Retry-After, ends nothing and touches no cookie, and the next request works. Answers that come later than grace hand
// out nothing. With the server's own accounts, whose documents are in the same store.

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { createSessions } from "../../src/engine/create-sessions.ts";
import type { Handler } from "../../src/http/handler.ts";
import { createHandler } from "../../src/http/handler.ts";
import { createAccounts } from "../../src/server/accounts/accounts.ts";
import { memoryStore } from "../../src/stores/memory.ts";
import type { FaultyStore, StoreFault } from "../../src/testing/faulty-store.ts";
import { createFaultyStore } from "../../src/testing/faulty-store.ts";
import type { SimulatedPlatform } from "../../src/testing/simulated.ts";
import { createSimulatedPlatform } from "../../src/testing/simulated.ts";

const issuer = "http://localhost:4000";
const graceMilliseconds = 30_000;
const email = "ana@example.test";
const password = "a quiet fjord at dawn";
const newPassword = "seven lamps on the pier";
const feedToken = "the-feed-token-of-this-test";

interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly body: Readonly<Record<string, unknown>>;
}

interface Scene {
  readonly store: FaultyStore;
  readonly platform: SimulatedPlatform;
  readonly handler: Handler;
  send(method: string, path: string, body?: object, headers?: Record<string, string>): Promise<Answer>;
  /** Like a browser: the cookie goes along, and is replaced or deleted as answers say. */
  jar: string | undefined;
  accessToken: string;
  readonly sid: string;
}

async function openScene(): Promise<Scene> {
  const store = createFaultyStore(memoryStore());
  const simulated = createSimulatedPlatform();
  // Without background tasks: their store calls would be counted as those of the request.
  const platform = { ...simulated, scheduler: { ...simulated.scheduler, every: () => () => {} } };
  const sessions = await createSessions({ store, platform, issuer });
  const accounts = createAccounts({ store, platform, registration: "open", throttle: false });
  const handler = createHandler({ sessions, accounts, feedToken });
  const send: Scene["send"] = async (method, path, body, headers = {}) => {
    const all: Record<string, string> = { "x-pawl": "1", ...headers };
    if (body !== undefined) all["content-type"] = "application/json";
    if (scene.jar !== undefined) all.cookie = scene.jar;
    const answer = await handler.fetch(
      new Request(issuer + path, { method, headers: all, body: body === undefined ? null : JSON.stringify(body) }),
    );
    for (const cookie of answer.headers.getSetCookie()) {
      scene.jar = cookie.includes("Max-Age=0") ? undefined : (cookie.split(";")[0] as string);
    }
    const text = await answer.text();
    return { status: answer.status, headers: answer.headers, body: text === "" ? {} : JSON.parse(text) };
  };
  const scene = { store, platform, handler, send, jar: undefined as string | undefined, accessToken: "", sid: "" };
  const { body } = await send("POST", "/auth/register", { email, password });
  scene.accessToken = body.access_token as string;
  scene.sid = (body.session as { id: string }).id;
  await send("POST", "/auth/refresh");
  // What the accounts remember for a minute would hide the calls of the next request.
  platform.clock.advance(61_000);
  return scene;
}

const bearer = ({ accessToken }: Scene): Record<string, string> => ({ authorization: `Bearer ${accessToken}` });

/** What is asked, the status when nothing fails, and the statuses a second try may get where the first one happened. */
interface Case {
  readonly ask: (scene: Scene) => Promise<Answer>;
  readonly status: number;
  readonly again?: readonly number[];
}

const cases: Readonly<Record<string, Case>> = {
  "POST /auth/register": {
    ask: ({ send }) => send("POST", "/auth/register", { email: "ben@example.test", password }),
    status: 201,
    again: [409],
  },
  "POST /auth/login": { ask: ({ send }) => send("POST", "/auth/login", { email, password }), status: 200 },
  "POST /auth/refresh": { ask: ({ send }) => send("POST", "/auth/refresh"), status: 200 },
  "POST /auth/confirm": { ask: ({ send }) => send("POST", "/auth/confirm"), status: 204 },
  "POST /auth/logout": { ask: ({ send }) => send("POST", "/auth/logout"), status: 204 },
  "GET /auth/session": {
    ask: (scene) => scene.send("GET", "/auth/session", undefined, bearer(scene)),
    status: 200,
  },
  "GET /auth/sessions": {
    ask: (scene) => scene.send("GET", "/auth/sessions", undefined, bearer(scene)),
    status: 200,
  },
  "DELETE /auth/sessions": {
    ask: (scene) => scene.send("DELETE", "/auth/sessions", undefined, bearer(scene)),
    status: 200,
    again: [401],
  },
  "DELETE /auth/sessions/{id}": {
    ask: (scene) => scene.send("DELETE", `/auth/sessions/${scene.sid}`, undefined, bearer(scene)),
    status: 204,
    again: [401],
  },
  "POST /auth/password": {
    ask: (scene) => {
      const body = { current_password: password, new_password: newPassword };
      return scene.send("POST", "/auth/password", body, bearer(scene));
    },
    status: 200,
    again: [401],
  },
  "POST /auth/reauthenticate": {
    ask: (scene) => scene.send("POST", "/auth/reauthenticate", { password }, bearer(scene)),
    status: 200,
  },
  "GET /auth/revocations": {
    ask: ({ send }) => send("GET", "/auth/revocations", undefined, { authorization: `Bearer ${feedToken}` }),
    status: 200,
  },
};

/** 503 that ends nothing: what every failure of the store must look like. */
function assertUnavailable(answer: Answer, where: string): void {
  assert.equal(answer.status, 503, `${where}: ${JSON.stringify(answer.body)}`);
  assert.match(answer.headers.get("retry-after") ?? "", /^[1-9]\d*$/, where);
  assert.equal(answer.headers.get("content-type"), "application/problem+json", where);
  assert.equal(answer.headers.get("cache-control"), "no-store", where);
  assert.equal(answer.headers.get("www-authenticate"), null, where);
  assert.equal(answer.headers.get("clear-site-data"), null, where);
  assert.deepEqual(answer.headers.getSetCookie(), [], where);
  assert.equal(answer.body.code, "store_unavailable", where);
  assert.equal(answer.body.terminal, false, where);
}

/** Whoever knows the password gets in, and stays in. */
async function assertOpen({ send, platform }: Scene, where: string): Promise<void> {
  const first = await send("POST", "/auth/login", { email, password });
  const entered = first.status === 200 ? first : await send("POST", "/auth/login", { email, password: newPassword });
  assert.equal(entered.status, 200, where);
  for (let step = 0; step < 3; step += 1) {
    platform.clock.advance(2 * graceMilliseconds);
    assert.equal((await send("POST", "/auth/refresh")).status, 200, where);
  }
}

describe("a store that fails at one call", () => {
  for (const [name, { ask, status, again = [] }] of Object.entries(cases)) {
    it(`${name}: 503, no verdict, no cookie, whichever call it is; the next request works`, async () => {
      const calm = await openScene();
      calm.store.play(() => undefined);
      assert.equal((await ask(calm)).status, status);
      const { calls } = calm.store;
      assert.ok(calls.length >= 1);
      for (const [position, { method }] of calls.entries()) {
        const isWrite = ["insert", "commit", "writeDocuments"].includes(method);
        for (const kind of isWrite ? (["throw before", "throw after"] as const) : (["throw before"] as const)) {
          const where = `${kind} ${method}, call ${position + 1} of ${calls.length}`;
          const scene = await openScene();
          scene.store.play((call): StoreFault | undefined => (call.position === position ? { kind } : undefined));
          assertUnavailable(await ask(scene), where);
          scene.store.play(undefined);
          const next = await ask(scene);
          assert.ok([status, ...again].includes(next.status), `${where}: then ${next.status} ${next.body.code}`);
          await assertOpen(scene, where);
        }
      }
    });
  }

  it("a store that is gone altogether answers 503 everywhere, and the session is there when it is back", async () => {
    const scene = await openScene();
    const { jar } = scene;
    scene.store.play(() => ({ kind: "throw before" }));
    for (const [name, { ask }] of Object.entries(cases)) assertUnavailable(await ask(scene), name);
    assert.equal(scene.jar, jar);
    scene.store.play(undefined);
    assert.equal((await scene.send("POST", "/auth/refresh")).status, 200);
    assert.equal((await scene.send("GET", "/auth/session", undefined, bearer(scene))).status, 200);
  });
});

describe("a store that answers later than grace", () => {
  const changing = ["POST /auth/refresh", "POST /auth/login", "POST /auth/register", "POST /auth/logout"];
  for (const name of [...changing, "POST /auth/password"]) {
    it(`${name}: 503, the cookie is untouched, whichever call is late`, async () => {
      const { ask, status } = cases[name] as Case;
      const calm = await openScene();
      calm.store.play(() => undefined);
      await ask(calm);
      const { calls } = calm.store;
      for (const [position, { method }] of calls.entries()) {
        // In time is enough to show for some of them: what differs is only who hands out.
        const times = name === "POST /auth/password" ? [0] : [-1, 0];
        for (const beside of times) {
          const milliseconds = graceMilliseconds + beside;
          const isLate = beside === 0;
          const where = `${method}, call ${position + 1} of ${calls.length}, ${milliseconds} ms`;
          const scene = await openScene();
          const after = (): void => scene.platform.clock.advance(milliseconds);
          scene.store.play((call) => (call.position === position ? { kind: "late", after } : undefined));
          const { jar } = scene;
          const answer = await ask(scene);
          if (isLate) {
            assertUnavailable(answer, where);
            assert.equal(scene.jar, jar, where);
          } else assert.equal(answer.status, status, `${where}: ${JSON.stringify(answer.body)}`);
          scene.store.play(undefined);
          await assertOpen(scene, where);
        }
      }
    });
  }

  it("hands out nothing in a body either", async () => {
    const { handler, platform, store } = await openScene();
    const { refreshToken } = await handler.sessions.issue({ subject: "u", transport: "body" });
    const ask = (): Promise<Response> => {
      const headers = { "content-type": "application/json" };
      const body = JSON.stringify({ refresh_token: refreshToken });
      return handler.fetch(new Request(`${issuer}/auth/refresh`, { method: "POST", headers, body }));
    };
    for (const late of ["read", "commit"]) {
      const after = (): void => platform.clock.advance(graceMilliseconds);
      store.play(({ method }) => (method === late ? { kind: "late", after } : undefined));
      const answer = await ask();
      assert.equal(answer.status, 503, late);
      assert.ok(!(await answer.text()).includes("pawl_rt_"), late);
    }
    store.play(undefined);
    assert.equal((await ask()).status, 200);
  });
});
