// HTTP suite: the checks before the work, and their order: 404, 405, 413, gate, 415, 400, then the work. Owns methods,
// content types and bodies; the gate itself is in the origin tests.

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { bodyBytesMax } from "../http/exchange.ts";
import type { Answer, SuiteSubject } from "./http-suite-target.ts";
import { assertProblem, goodPassword, Scene } from "./http-suite-target.ts";

/** Every path with its methods (CONTRACT section 2). */
const table: readonly (readonly [string, string])[] = [
  ["/auth/register", "POST"],
  ["/auth/login", "POST"],
  ["/auth/refresh", "POST"],
  ["/auth/confirm", "POST"],
  ["/auth/logout", "POST"],
  ["/auth/session", "GET, HEAD"],
  ["/auth/sessions", "GET, DELETE, POST, HEAD"],
  ["/auth/sessions/AAAAAAAAAAAAAAAAAAAAAA", "DELETE"],
  ["/auth/password", "POST"],
  ["/auth/reauthenticate", "POST"],
  ["/auth/revocations", "GET, HEAD"],
  ["/.well-known/jwks.json", "GET, HEAD"],
  ["/.well-known/oauth-authorization-server", "GET, HEAD"],
];
const methods = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "TRACE"];

/** Declares the tests. */
export function checkTests(subject: SuiteSubject): void {
  describe("checks", () => {
    test("every other method is 405 with Allow; OPTIONS names what there is", async (t) => {
      const scene = await Scene.start(t, subject);
      for (const [path, allowed] of table) {
        const allow = `${allowed}, OPTIONS`;
        for (const method of methods) {
          if (allowed.split(", ").includes(method)) continue;
          const answer = await sendAnyMethod(scene, method, path);
          if (answer === undefined) continue;
          assert.equal(answer.status, 405, `${method} ${path}`);
          assert.equal(answer.headers.get("allow"), allow, `${method} ${path}`);
          if (method !== "HEAD") assertProblem(answer, "method_not_allowed");
        }
        const options = await scene.send({ method: "OPTIONS", path });
        assert.deepEqual([options.status, options.text], [204, ""]);
        assert.equal(options.headers.get("allow"), allow);
      }
    });

    test("unknown paths are 404 whatever the method", async (t) => {
      const scene = await Scene.start(t, subject);
      const paths = [
        "/auth",
        "/auth/",
        "/auth/refresh/",
        "/auth/Refresh",
        "/auth/%72efresh",
        "/auth/sessions/",
        "/auth/sessions/a/b",
        "//auth/refresh",
        "/auth/refresh;a",
      ];
      for (const path of paths) {
        for (const method of ["GET", "POST", "DELETE", "OPTIONS"]) {
          assertProblem(await scene.send({ method, path }), "not_found");
        }
      }
    });

    test("HEAD is GET without the body", async (t) => {
      const scene = await Scene.start(t, subject);
      const { accessToken } = await scene.signIn();
      const headers = { authorization: `Bearer ${accessToken}` };
      for (const path of ["/auth/session", "/auth/sessions", "/.well-known/jwks.json"]) {
        const head = await scene.send({ method: "HEAD", path, headers });
        const get = await scene.send({ method: "GET", path, headers });
        assert.deepEqual([head.status, head.text], [200, ""], path);
        assert.equal(head.headers.get("content-type"), get.headers.get("content-type"));
        assert.equal(head.headers.get("cache-control"), get.headers.get("cache-control"));
      }
    });

    orderTests(subject);
    bodyTests(subject);
  });
}

/** TRACE cannot be sent by every client; then the method is left out. */
async function sendAnyMethod(scene: Scene, method: string, path: string): Promise<Answer | undefined> {
  try {
    return await scene.send({ method, path });
  } catch (error) {
    if (method === "TRACE") return undefined;
    throw error;
  }
}

function orderTests(subject: SuiteSubject): void {
  test("404 before 405 before 413 before the gate before 415 before 400 before the work", async (t) => {
    const scene = await Scene.start(t, subject);
    const tooLong = "x".repeat(bodyBytesMax + 1);
    const foreign = { origin: "https://evil.test", "sec-fetch-site": "cross-site", "content-type": "text/plain" };
    const send = (method: string, path: string, headers: Record<string, string>, body: string) =>
      scene.send({ method, path, headers, body });
    assertProblem(await send("PUT", "/auth/nothing", foreign, tooLong), "not_found");
    assertProblem(await send("PUT", "/auth/refresh", foreign, tooLong), "method_not_allowed");
    for (const path of ["/auth/refresh", "/auth/login"]) {
      const own = path === "/auth/refresh" ? { "x-pawl": "1" } : {};
      assertProblem(await send("POST", path, foreign, tooLong), "body_too_large");
      assertProblem(await send("POST", path, foreign, "no json"), "csrf_rejected");
      assertProblem(
        await send("POST", path, { ...own, "content-type": "text/plain" }, "no json"),
        "unsupported_media_type",
      );
      assertProblem(await send("POST", path, own, "no json"), "unsupported_media_type");
      assertProblem(
        await send("POST", path, { ...own, "content-type": "application/json" }, "no json"),
        "invalid_request",
      );
      assertProblem(await send("POST", path, { ...own, "content-type": "application/json" }, "[]"), "invalid_request");
    }
    const bearer = { authorization: "Bearer junk", "content-type": "application/json" };
    assertProblem(await send("POST", "/auth/password", bearer, "{}"), "invalid_request");
    const change = JSON.stringify({ current_password: goodPassword, new_password: goodPassword });
    assertProblem(await send("POST", "/auth/password", bearer, change), "invalid_token");
  });

  test("a body of exactly the bound is read, one byte more is 413", async (t) => {
    const scene = await Scene.start(t, subject);
    const padded = (bytes: number) => {
      const start = '{"refresh_token":"junk","pad":"';
      return `${start}${"x".repeat(bytes - start.length - 2)}"}`;
    };
    const headers = { "content-type": "application/json" };
    const send = (body: string) => scene.send({ method: "POST", path: "/auth/refresh", headers, body });
    assertProblem(await send(padded(bodyBytesMax)), "refresh_token_invalid");
    assertProblem(await send(padded(bodyBytesMax + 1)), "body_too_large");
    assertProblem(await send(padded(500_000)), "body_too_large");
  });
}

function bodyTests(subject: SuiteSubject): void {
  test("content types", async (t) => {
    const scene = await Scene.start(t, subject);
    const { refreshToken } = await scene.signIn("body");
    const body = JSON.stringify({ refresh_token: refreshToken });
    const send = (type: string) =>
      scene.send({ method: "POST", path: "/auth/refresh", headers: { "content-type": type }, body });
    for (const type of ["application/json", "Application/JSON; charset=UTF-8", 'application/json;charset="utf-8"']) {
      assert.equal((await send(type)).status, 200, type);
    }
    for (const type of [
      "text/plain",
      "application/x-www-form-urlencoded",
      "application/json; charset=latin1",
      "application/jsonp",
      "text/json",
      "application/problem+json",
      "text/plain, application/json",
      "",
    ]) {
      assertProblem(await send(type), "unsupported_media_type");
    }
    const login = await scene.send({ method: "POST", path: "/auth/login" });
    assertProblem(login, "unsupported_media_type");
  });

  test("bodies that are no JSON object in UTF-8, and members of the wrong type", async (t) => {
    const scene = await Scene.start(t, subject);
    const { refreshToken, sid } = await scene.signIn();
    const headers = scene.withCookie(refreshToken, { "content-type": "application/json" });
    const bodies: (string | Uint8Array)[] = [
      "null",
      "1",
      '"x"',
      "[]",
      "{",
      "{}x",
      "\ufeff{}",
      "nul",
      new Uint8Array([0x7b, 0x7d, 0xff]),
    ];
    bodies.push(
      new Uint8Array(Buffer.from('{"sid":"\xff"}', "latin1")),
      new Uint8Array(Buffer.from("{}", "utf16le")),
      '{"refresh_token":1}',
      '{"refresh_token":null}',
      '{"refresh_token":["a"]}',
    );
    for (const body of bodies) {
      assertProblem(await scene.send({ method: "POST", path: "/auth/refresh", headers, body }), "invalid_request");
    }
    assert.equal((await scene.record(sid)).version, 1, "nothing was rotated");
    const email = "x@example.test";
    for (const wrong of [
      { email },
      { password: goodPassword },
      { email: 1, password: goodPassword },
      { email, password: null },
      { email, password: ["a"] },
      { email, password: goodPassword, name: 1 },
      { email, password: goodPassword, transport: "both" },
      { email, password: goodPassword, transport: 1 },
      { email, password: "half a pair \ud800 of surrogates" },
    ]) {
      assertProblem(await scene.post("/auth/register", wrong), "invalid_request");
    }
    assertProblem(
      await scene.post("/auth/register", JSON.parse('{"__proto__":{"email":"a","password":"b"}}')),
      "invalid_request",
    );
  });

  test("unknown members are ignored, of repeated ones the last counts, __proto__ is inert", async (t) => {
    const scene = await Scene.start(t, subject);
    const headers = { "content-type": "application/json" };
    const body = `{"email":"a@example.test","password":"x","password":"${goodPassword}","__proto__":{"name":"P"},"extra":[{}]}`;
    const answer = await scene.send({ method: "POST", path: "/auth/register", headers, body });
    assert.equal(answer.status, 201, answer.text);
    assert.equal((answer.json.user as { name: unknown }).name, null);
    assert.equal(({} as Record<string, unknown>).name, undefined);
  });

  test("an unforeseen failure is 500 without a word about why", async (t) => {
    const scene = await Scene.start(t, subject);
    const { accessToken } = await scene.signIn();
    scene.accounts.breakDown("connection string with a secret");
    const answer = await scene.get("/auth/session", accessToken);
    assertProblem(answer, "internal_error");
    assert.ok(!answer.text.includes("secret"));
  });
}
