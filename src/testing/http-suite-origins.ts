// HTTP suite: the CSRF gate against every forged request that was seen from real browsers, and CORS.
// Each forged request must give 403, set no cookie and leave the session as it was, with the cookie on board: SameSite
// does not stop a same-site attacker, nor one who goes through a redirect.

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { SignedIn, SuiteSubject } from "./http-suite-target.ts";
import { assertProblem, goodPassword, Scene } from "./http-suite-target.ts";

type Headers = Readonly<Record<string, string>>;

const text = { "content-type": "text/plain" };
const form = { "content-type": "application/x-www-form-urlencoded" };
const sibling = "https://sub.app.test";
const evil = "https://evil.test";

/** What browsers send when a page forges a request (own: the victim's origin). None of them can add `X-Pawl`. */
function forgeries(own: string): readonly (readonly [string, Headers])[] {
  return [
    [
      "same-site page, no-cors POST",
      { "sec-fetch-site": "same-site", "sec-fetch-mode": "no-cors", origin: sibling, ...text },
    ],
    [
      "same-site page, cors POST without preflight",
      { "sec-fetch-site": "same-site", "sec-fetch-mode": "cors", origin: sibling, ...text },
    ],
    ["same-site page, form", { "sec-fetch-site": "same-site", "sec-fetch-mode": "navigate", origin: sibling, ...form }],
    ["another port of this host", { "sec-fetch-site": "same-site", origin: `${own.replace(/:\d+$/, "")}:1`, ...text }],
    [
      "cross-site fetch or beacon",
      { "sec-fetch-site": "cross-site", "sec-fetch-mode": "no-cors", origin: evil, ...text },
    ],
    ["cross-site form", { "sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate", origin: evil, ...form }],
    [
      "cross-site form, no-referrer",
      { "sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate", origin: "null", ...form },
    ],
    [
      "fetch from here through a foreign 307",
      { "sec-fetch-site": "cross-site", "sec-fetch-mode": "cors", origin: "null" },
    ],
    [
      "form from here through a foreign 307",
      { "sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate", origin: "null", ...form },
    ],
    ["sandboxed frame, fetch", { "sec-fetch-site": "cross-site", "sec-fetch-mode": "cors", origin: "null" }],
    ["sandboxed frame, form", { "sec-fetch-site": "cross-site", "sec-fetch-dest": "iframe", origin: "null", ...form }],
    ["data: frame", { "sec-fetch-site": "cross-site", "sec-fetch-mode": "no-cors", origin: "null" }],
    ["the http twin of an https page", { "sec-fetch-site": "cross-site", origin: own.replace(/^https?/, "ftp") }],
    ["an old browser, Origin only", { origin: evil, ...form }],
    ["an old browser, neither", { ...form }],
    ["a form of our own page", { "sec-fetch-site": "same-origin", origin: own, ...form }],
  ];
}

/** What must be refused even with `X-Pawl`: pages that got past a preflight, look-alike origins, odd values. */
function refusedWithHeader(own: string): readonly (readonly [string, Headers])[] {
  const host = own.replace(/^https?:\/\//, "");
  const origins = [
    evil,
    sibling,
    "null",
    "",
    `${own}.evil.test`,
    `${own}/`,
    own.toUpperCase(),
    `${own}, ${own}`,
    `https://evil.test@${host}`,
    `file://`,
    host,
  ];
  const sites = ["cross-site", "none", "same-site", "", "Same-Origin", "same-origin, same-origin", "anything"];
  return [
    ...origins.map((origin): [string, Headers] => [`Origin ${origin}`, { origin }]),
    ...origins.map((origin): [string, Headers] => [
      `Origin ${origin}, same-origin`,
      { origin, "sec-fetch-site": "same-origin" },
    ]),
    ...sites.map((site): [string, Headers] => [`Sec-Fetch-Site ${site}`, { "sec-fetch-site": site }]),
    ["cross-site with our Origin", { origin: own, "sec-fetch-site": "cross-site" }],
    ["none with our Origin", { origin: own, "sec-fetch-site": "none" }],
  ];
}

async function assertRefused(
  scene: Scene,
  person: SignedIn,
  path: string,
  name: string,
  headers: Headers,
): Promise<void> {
  const cookie = `${scene.cookieName}=${person.refreshToken}`;
  for (const carried of [{ cookie }, {}]) {
    const answer = await scene.send({ method: "POST", path, headers: { ...headers, ...carried } });
    assert.equal(answer.status, 403, `${name}: ${answer.status}`);
    assertProblem(answer, "csrf_rejected");
  }
}

/** Declares the tests. */
export function originTests(subject: SuiteSubject): void {
  describe("origins", () => {
    for (const path of ["/auth/refresh", "/auth/confirm", "/auth/logout"]) {
      test(`forged requests to ${path} are 403 and change nothing`, async (t) => {
        const scene = await Scene.start(t, subject);
        const person = await scene.signIn();
        const before = await scene.record(person.sid);
        const own = new URL(scene.issuer).origin;
        for (const [name, headers] of forgeries(own)) await assertRefused(scene, person, path, name, headers);
        for (const [name, headers] of refusedWithHeader(own)) {
          await assertRefused(scene, person, path, name, { ...headers, "x-pawl": "1" });
        }
        assert.deepEqual(await scene.record(person.sid), before);
        assert.equal((await scene.refreshWithCookie(person.refreshToken)).status, 200);
      });
    }

    test("our own pages and programs pass", async (t) => {
      const scene = await Scene.start(t, subject, {
        handler: { origins: ["https://app.example.test", "https://www.example.test"] },
      });
      const passing: Headers[] = [
        { "x-pawl": "1" },
        { "x-pawl": "" },
        { "x-pawl": "1", "sec-fetch-site": "same-origin" },
        { "x-pawl": "1", origin: "https://app.example.test" },
        { "x-pawl": "1", origin: "https://www.example.test", "sec-fetch-site": "same-site" },
        { "x-pawl": "1", origin: "https://app.example.test", "sec-fetch-site": "same-origin" },
      ];
      for (const headers of passing) {
        const { refreshToken } = await scene.signIn();
        const cookie = `${scene.cookieName}=${refreshToken}`;
        const answer = await scene.send({ method: "POST", path: "/auth/refresh", headers: { ...headers, cookie } });
        assert.equal(answer.status, 200, JSON.stringify(headers));
      }
    });

    test("a refresh token in the body needs no gate; one that is no string does", async (t) => {
      const scene = await Scene.start(t, subject);
      const { refreshToken } = await scene.signIn("body");
      const foreign = { origin: evil, "sec-fetch-site": "cross-site" };
      const answer = await scene.post("/auth/refresh", { refresh_token: refreshToken }, foreign);
      assert.equal(answer.status, 200);
      assert.equal(answer.headers.get("access-control-allow-origin"), null);
      assertProblem(await scene.post("/auth/refresh", { refresh_token: 1 }, foreign), "csrf_rejected");
    });

    test("register, login and password refuse foreign pages and need no X-Pawl", async (t) => {
      const scene = await Scene.start(t, subject);
      const { accessToken, sid } = await scene.signIn();
      const own = new URL(scene.issuer).origin;
      const bodies: readonly (readonly [string, unknown])[] = [
        ["/auth/register", { email: "new@example.test", password: goodPassword }],
        ["/auth/login", { email: "person1@example.test", password: goodPassword }],
        ["/auth/password", { current_password: goodPassword, new_password: "another good password" }],
      ];
      for (const [path, body] of bodies) {
        for (const [name, headers] of refusedWithHeader(own)) {
          const answer = await scene.post(path, body, { authorization: `Bearer ${accessToken}`, ...headers });
          assert.equal(answer.status, 403, `${path}, ${name}`);
          assertProblem(answer, "csrf_rejected");
        }
      }
      assert.equal((await scene.target.sessions.list("user-1")).length, 1);
      assert.equal((await scene.record(sid)).ended, undefined);
      const page = { origin: own, "sec-fetch-site": "same-origin" };
      assert.equal((await scene.post("/auth/login", bodies[1]?.[1], page)).status, 200);
    });

    corsTests(subject);
  });
}

function corsTests(subject: SuiteSubject): void {
  const app = "https://app.example.test";
  const choices = { handler: { origins: [app] } };

  test("CORS answers allow-listed origins, successes and refusals alike", async (t) => {
    const scene = await Scene.start(t, subject, choices);
    const { refreshToken } = await scene.signIn();
    const headers = { origin: app, "x-pawl": "1", cookie: `${scene.cookieName}=${refreshToken}` };
    const good = await scene.send({ method: "POST", path: "/auth/refresh", headers });
    const bad = await scene.send({ method: "GET", path: "/auth/session", headers: { origin: app } });
    assert.deepEqual([good.status, bad.status], [200, 401]);
    for (const answer of [good, bad]) {
      assert.equal(answer.headers.get("access-control-allow-origin"), app);
      assert.equal(answer.headers.get("access-control-allow-credentials"), "true");
      assert.equal(answer.headers.get("access-control-expose-headers"), "DPoP-Nonce, WWW-Authenticate, Retry-After");
      assert.match(answer.headers.get("vary") ?? "", /\bOrigin\b/);
    }
  });

  test("other origins get no CORS header at all", async (t) => {
    const scene = await Scene.start(t, subject, choices);
    for (const origin of [
      evil,
      "null",
      `${app}.evil.test`,
      app.toUpperCase(),
      `${app}:8443`,
      "http://app.example.test",
    ]) {
      for (const method of ["GET", "OPTIONS"]) {
        const headers = { origin, "access-control-request-method": "GET" };
        const answer = await scene.send({ method, path: "/auth/session", headers });
        const cors = [...answer.headers.keys()].filter((name) => name.startsWith("access-control-"));
        assert.deepEqual(cors, [], `${method} from ${origin}`);
        assert.match(answer.headers.get("vary") ?? "", /\bOrigin\b/);
      }
    }
  });

  test("preflights", async (t) => {
    const scene = await Scene.start(t, subject, choices);
    const headers = {
      origin: app,
      "access-control-request-method": "POST",
      "access-control-request-headers": "x-pawl",
    };
    const answer = await scene.send({ method: "OPTIONS", path: "/auth/refresh", headers });
    assert.deepEqual([answer.status, answer.text, answer.cookies], [204, "", []]);
    assert.equal(answer.headers.get("access-control-allow-origin"), app);
    assert.equal(answer.headers.get("access-control-allow-credentials"), "true");
    assert.equal(answer.headers.get("access-control-allow-methods"), "POST");
    const allowed = "Content-Type, Authorization, X-Pawl, Idempotency-Key, DPoP";
    assert.equal(answer.headers.get("access-control-allow-headers"), allowed);
    assert.match(answer.headers.get("access-control-max-age") ?? "", /^\d+$/);
  });
}
