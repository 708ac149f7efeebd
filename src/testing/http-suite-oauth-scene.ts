// What the OAuth part of the HTTP suite is written in: clients, forms, first tokens, and how every answer must look.
// Holds no test.

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import type { TestContext } from "node:test";
import type { Grant } from "../engine/types.ts";
import type { ClientOptions } from "../http/oauth-clients.ts";
import type { Answer, Scene, SignedIn } from "./http-suite-target.ts";

export const secret = "s3cret-0123456789-0123456789-0123456789-01";
const secretSha256 = createHash("sha256").update(secret).digest("base64url");

export const clients: readonly ClientOptions[] = [
  { id: "app", scopes: ["read", "write"], selfService: true },
  { id: "other-app", selfService: true },
  { id: "service", authentication: "client_secret", secretSha256, scopes: ["jobs"], audience: "https://api.test" },
  { id: "api", authentication: "client_secret", secretSha256, introspects: ["https://api.test"] },
];

export const basic = (id: string, password: string = secret): Record<string, string> => ({
  authorization: `Basic ${Buffer.from(`${id}:${password}`).toString("base64")}`,
});

export type Parameters = Readonly<Record<string, string | undefined>>;

/** POST with a form; `undefined` parameters are left out. */
export function postForm(
  scene: Scene,
  path: string,
  parameters: Parameters,
  headers: Record<string, string> = {},
): Promise<Answer> {
  const given = Object.entries(parameters).filter((pair): pair is [string, string] => pair[1] !== undefined);
  return scene.send({
    method: "POST",
    path,
    headers: { "content-type": "application/x-www-form-urlencoded", ...headers },
    body: new URLSearchParams(given).toString(),
  });
}

export function refresh(
  scene: Scene,
  token: string,
  more: Parameters = { client_id: "app" },
  headers: Record<string, string> = {},
): Promise<Answer> {
  return postForm(scene, "/oauth/token", { grant_type: "refresh_token", refresh_token: token, ...more }, headers);
}

export function assertRefused(answer: Answer, error: string, status = 400): void {
  assert.equal(answer.json.error, error, `${answer.status} ${answer.text}`);
  assert.equal(answer.status, status);
  assert.deepEqual(Object.keys(answer.json), ["error", "error_description"]);
  assert.match(answer.json.error_description as string, /^[\x20\x21\x23-\x5b\x5d-\x7e]+$/);
  assertHeaders(answer);
}

export function assertHeaders(answer: Answer): void {
  assert.equal(answer.headers.get("content-type"), "application/json");
  assert.equal(answer.headers.get("cache-control"), "no-store");
  assert.equal(answer.headers.get("access-control-allow-origin"), "*");
  assert.equal(answer.headers.get("access-control-allow-credentials"), null);
  assert.deepEqual(answer.cookies, []);
}

export interface Delegated extends SignedIn {
  readonly response: Answer;
}

/** A session of a registered client, begun by the application. */
export async function delegated(
  scene: Scene,
  clientId: string,
  scopes: readonly string[],
  audience?: string,
): Promise<Grant> {
  const delegation = audience === undefined ? { scopes } : { scopes, audience };
  return await scene.target.sessions.issue({ subject: "user-9", transport: "body", clientId, delegation });
}

/** Somebody signs in and gives a client its first tokens. */
export async function handOver(scene: Scene, clientId = "app", scope?: string): Promise<Delegated> {
  const person = await scene.signIn();
  const headers = { authorization: `Bearer ${person.accessToken}` };
  const response = await scene.post("/auth/sessions", { client_id: clientId, scope }, headers);
  const { access_token, refresh_token, session } = response.json as Record<string, string> & {
    session: { id: string };
  };
  return {
    response,
    accessToken: access_token as string,
    refreshToken: refresh_token as string,
    sid: session?.id,
    userId: person.userId,
  };
}

export function claimsOf(accessToken: unknown): Record<string, unknown> {
  const [, claims = ""] = String(accessToken).split(".");
  return JSON.parse(Buffer.from(claims, "base64url").toString()) as Record<string, unknown>;
}

export const tokenMembers: readonly string[] = [
  "access_token",
  "authorization_expires_in",
  "expires_in",
  "refresh_token",
  "refresh_token_timeout",
  "token_type",
];

/** Starts an instance that knows {@link clients}. */
export type Start = (t: TestContext) => Promise<Scene>;
