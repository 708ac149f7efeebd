// What the HTTP suite needs of the thing under test, and the few words its tests are written in: send a request, sign
// somebody in, look at a session. Holds no test.

import assert from "node:assert/strict";
import type { TestContext } from "node:test";
import type { ErrorCode } from "../core/errors.ts";
import { errorMeanings } from "../core/errors.ts";
import type { PolicyOptions } from "../core/policy.ts";
import type { Platform } from "../core/ports.ts";
import type { SessionRecord } from "../core/record.ts";
import type { Sessions } from "../engine/types.ts";
import type { HandlerOptions } from "../http/handler.ts";
import { statusOf } from "../http/problem.ts";
import { nodePlatform } from "../platform/node.ts";
import type { SuiteAccounts } from "./http-suite-accounts.ts";
import { createSuiteAccounts } from "./http-suite-accounts.ts";

/** A request of the suite. */
export interface SuiteRequest {
  readonly method: string;
  /** Path and query. */
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Uint8Array;
}

/** What one test asks for; pass it on to `createSessions` (over a fresh store) and `createHandler`. */
export interface SuiteOptions {
  readonly sessions: PolicyOptions & { readonly issuer?: string; readonly platform: Platform };
  readonly handler: Omit<HandlerOptions, "sessions">;
}

/** One running instance of the thing under test. */
export interface SuiteTarget {
  /** Its engine; the issuer is `options.sessions.issuer`, or an http loopback origin of the target's choice. */
  readonly sessions: Sessions;
  /** Sends a request, forbidden header names included, follows nothing, keeps no cookie. */
  send(request: SuiteRequest): Promise<Response>;
  close(): Promise<void>;
}

/** Starts instances. */
export interface SuiteSubject {
  start(options: SuiteOptions): Promise<SuiteTarget>;
}

/** What a test may choose. */
export interface Choices {
  readonly policy?: PolicyOptions;
  readonly issuer?: string;
  readonly handler?: Omit<HandlerOptions, "sessions" | "accounts">;
  readonly withoutAccounts?: boolean;
}

/** An answer, read whole. */
export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  readonly json: Record<string, unknown>;
  readonly cookies: readonly string[];
}

/** A person who is signed in. */
export interface SignedIn {
  readonly accessToken: string;
  readonly refreshToken: string;
  readonly sid: string;
  readonly userId: string;
}

/** The password that everybody in the suite has. */
export const goodPassword = "correct horse battery";

/** A target with its accounts, its clock, and the suite's words. */
export class Scene {
  readonly target: SuiteTarget;
  readonly accounts: SuiteAccounts;
  readonly #clock: { shiftMilliseconds: number };
  #people = 0;

  private constructor(target: SuiteTarget, accounts: SuiteAccounts, clock: { shiftMilliseconds: number }) {
    this.target = target;
    this.accounts = accounts;
    this.#clock = clock;
  }

  /** Starts an instance, which ends with the test. */
  static async start(t: TestContext, subject: SuiteSubject, choices: Choices = {}): Promise<Scene> {
    const accounts = createSuiteAccounts();
    const clock = { shiftMilliseconds: 0 };
    const platform = { ...nodePlatform, clock: { now: () => nodePlatform.clock.now() + clock.shiftMilliseconds } };
    const issuer = choices.issuer === undefined ? {} : { issuer: choices.issuer };
    const target = await subject.start({
      sessions: { ...choices.policy, ...issuer, platform },
      handler: choices.withoutAccounts ? { ...choices.handler } : { ...choices.handler, accounts },
    });
    t.after(() => target.close());
    return new Scene(target, accounts, clock);
  }

  get issuer(): string {
    return this.target.sessions.issuer;
  }

  /** The refresh cookie's name for this issuer, by the contract's words. */
  get cookieName(): string {
    const url = new URL(this.issuer);
    return url.protocol === "https:" ? "__Host-Http-pawl" : `pawl-dev-${url.port}`;
  }

  advance(seconds: number): void {
    this.#clock.shiftMilliseconds += seconds * 1000;
  }

  async send(request: SuiteRequest): Promise<Answer> {
    const response = await this.target.send(request);
    const text = await response.text();
    const isJson = response.headers.get("content-type")?.includes("json") ?? false;
    const json = isJson && text !== "" ? (JSON.parse(text) as Record<string, unknown>) : {};
    return { status: response.status, headers: response.headers, text, json, cookies: response.headers.getSetCookie() };
  }

  /** POST with a JSON body; `undefined` members are left out. */
  post(path: string, body: unknown, headers: Readonly<Record<string, string>> = {}): Promise<Answer> {
    const all = { "content-type": "application/json", ...headers };
    return this.send({ method: "POST", path, headers: all, body: JSON.stringify(body) });
  }

  get(path: string, accessToken?: string): Promise<Answer> {
    const headers = accessToken === undefined ? {} : { authorization: `Bearer ${accessToken}` };
    return this.send({ method: "GET", path, headers });
  }

  delete(path: string, accessToken: string): Promise<Answer> {
    return this.send({ method: "DELETE", path, headers: { authorization: `Bearer ${accessToken}` } });
  }

  /** What a page of the issuer's origin sends with the cookie. */
  withCookie(token: string, more: Readonly<Record<string, string>> = {}): Record<string, string> {
    const page = { origin: new URL(this.issuer).origin, "sec-fetch-site": "same-origin" };
    return { cookie: `${this.cookieName}=${token}`, "x-pawl": "1", ...page, ...more };
  }

  refreshWithCookie(token: string, more: Readonly<Record<string, string>> = {}): Promise<Answer> {
    return this.send({ method: "POST", path: "/auth/refresh", headers: this.withCookie(token, more) });
  }

  /** A new person, signed in. */
  async signIn(transport: "cookie" | "body" = "cookie"): Promise<SignedIn> {
    this.#people += 1;
    const email = `person${this.#people}@example.test`;
    const answer = await this.post("/auth/register", { email, password: goodPassword, transport });
    assert.equal(answer.status, 201, answer.text);
    return this.signedInBy(answer);
  }

  /** What a session response gave. */
  signedInBy(answer: Answer): SignedIn {
    const { access_token, refresh_token, session, user } = answer.json as {
      access_token: string;
      refresh_token?: string;
      session: { id: string };
      user: { id: string };
    };
    const refreshToken = refresh_token ?? this.cookieValue(answer);
    return { accessToken: access_token, refreshToken, sid: session.id, userId: user.id };
  }

  /** The token in the one `Set-Cookie` of an answer. */
  cookieValue(answer: Answer): string {
    assert.equal(answer.cookies.length, 1, "one Set-Cookie");
    const [pair = ""] = (answer.cookies[0] as string).split(";");
    assert.ok(pair.startsWith(`${this.cookieName}=`), pair.slice(0, 24));
    return pair.slice(this.cookieName.length + 1);
  }

  async record(sid: string): Promise<SessionRecord> {
    const record = await this.target.sessions.store.read(sid);
    assert.ok(record);
    return record;
  }
}

/** Asserts a problem document in every particular (RFC 9457, CONTRACT section 2). */
export function assertProblem(answer: Answer, code: ErrorCode): void {
  assert.equal(answer.json.code, code, `${answer.status} ${answer.text}`);
  assert.equal(answer.status, statusOf[code]);
  assert.equal(answer.headers.get("content-type"), "application/problem+json");
  const expected = ["code", "detail", "status", "terminal", "title", "type"];
  if (code === "weak_password") expected.push("reasons");
  assert.deepEqual(Object.keys(answer.json).sort(), expected.sort());
  assert.equal(answer.json.status, statusOf[code]);
  assert.equal(answer.json.terminal, errorMeanings[code].terminal);
  assert.equal(answer.json.title, errorMeanings[code].title);
  assert.equal(answer.json.type, `urn:pawl:error:${code}`);
  assert.equal(answer.headers.get("cache-control"), "no-store");
  assert.deepEqual(answer.cookies, [], "a refusal sets no cookie");
  if (answer.status === 401) assert.ok(answer.headers.get("www-authenticate")?.startsWith('Bearer realm="pawl"'));
  if (answer.status === 429 || answer.status === 503)
    assert.match(answer.headers.get("retry-after") ?? "", /^[1-9]\d*$/);
}

/** Asserts the headers that every answer below `/auth` has. */
export function assertAuthHeaders(answer: Answer): void {
  assert.equal(answer.headers.get("cache-control"), "no-store");
  assert.equal(answer.headers.get("x-content-type-options"), "nosniff");
  assert.equal(answer.headers.get("referrer-policy"), "no-referrer");
  assert.equal(answer.headers.get("cross-origin-resource-policy"), "same-origin");
  assert.match(answer.headers.get("vary") ?? "", /\bOrigin\b/);
  assert.equal(answer.headers.get("server"), null);
  assert.equal(answer.headers.get("x-powered-by"), null);
}
