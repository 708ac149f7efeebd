// Searches everything a whole run leaves behind - logs at the most talkative level, error answers, pages, metrics, the
// database files - for token material: tokens, their bytes, their secrets in any usual encoding, passwords, PAWL_SECRET.

import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { call, startProgram, temporaryFolder } from "./program.ts";

const passwords = ["a long enough passphrase", "another long passphrase", "a wrong passphrase here"] as const;
const email = "leak@example.test";

/** Every form in which a secret could lie around. */
function formsOf(secret: string): string[] {
  const forms = [secret];
  if (secret.startsWith("pawl_rt_")) {
    const raw = Buffer.from(secret.slice(8), "base64url");
    forms.push(secret.slice(8));
    for (const bytes of [raw, raw.subarray(27, 59), raw.subarray(91)]) {
      const texts = (["hex", "base64", "base64url", "latin1"] as const).map((encoding) => bytes.toString(encoding));
      forms.push(...texts);
    }
  }
  if (/^ey.*\..*\..*$/.test(secret)) forms.push(secret.split(".")[2] as string);
  return [...new Set(forms)];
}

function found(secrets: readonly string[], places: ReadonlyMap<string, string>): string[] {
  return [...places].flatMap(([place, text]) =>
    secrets
      .filter((secret) => formsOf(secret).some((form) => text.includes(form)))
      .map((secret) => `${place}: ${secret.slice(0, 12)}…`),
  );
}

function databaseFiles(folder: string): [string, string][] {
  return readdirSync(folder)
    .filter((name) => !name.endsWith(".secret"))
    .map((name) => [name, readFileSync(join(folder, name)).toString("latin1")]);
}

test("nothing secret in logs, errors, pages, metrics or the database", { timeout: 60_000 }, async (t) => {
  const folder = temporaryFolder();
  const environment = {
    PAWL_LOG: "debug",
    PAWL_GRACE: "1s",
    PAWL_ADMIN_TOKEN: "admin-token-for-the-leak-test-0123456789",
  };
  const program = await startProgram(folder.path, { environment });
  const places = new Map<string, string>();
  const secrets: string[] = [...passwords, environment.PAWL_ADMIN_TOKEN];
  /** Calls, collects the tokens it was given, keeps refusals and pages to be searched. */
  const collect: typeof call = async (origin, path, body, headers) => {
    const answer = await call(origin, path, body, headers);
    for (const name of ["access_token", "refresh_token"]) {
      if (typeof answer.json[name] === "string") secrets.push(answer.json[name] as string);
    }
    const cookie = /=(pawl_rt_[^;]+)/.exec(answer.headers.get("set-cookie") ?? "")?.[1];
    if (cookie !== undefined) secrets.push(cookie);
    if (answer.status >= 400) places.set(`${answer.status} ${path} ${places.size}`, JSON.stringify(answer.json));
    return answer;
  };
  try {
    const { origin, port } = program;
    const registered = await collect(origin, "/auth/register", { email, password: passwords[0] }, {});
    assert.equal(registered.status, 201);
    const cookie = `pawl-dev-${port}=${secrets.at(-1)}`;
    const gate = { "x-pawl": "1", cookie };
    assert.equal((await collect(origin, "/auth/refresh", {}, gate)).status, 200);
    assert.equal((await collect(origin, "/auth/refresh", {}, { cookie })).status, 403);
    const login = await collect(origin, "/auth/login", { email, password: passwords[0], transport: "body" });
    const first = login.json.refresh_token as string;
    const bearer = { authorization: `Bearer ${login.json.access_token}` };
    await collect(origin, "/auth/login", { email, password: passwords[2] });
    await collect(origin, "/auth/session", undefined, { authorization: `Bearer ${login.json.access_token}x` });
    await collect(origin, `/auth/refresh?refresh_token=${first}`, { refresh_token: `${first}x` });
    await fetch(`${origin}/nowhere?token=${first}`, {
      headers: { referer: `${origin}/?t=${first}`, "user-agent": "an agent" },
    });
    await fetch(`${origin}/auth/sessions/${first}`, { method: "DELETE", headers: bearer });
    await collect(origin, "/auth/refresh", { refresh_token: first, sid: first }, { "idempotency-key": `${first}!` });
    const second = await collect(
      origin,
      "/auth/refresh",
      { refresh_token: first },
      { "idempotency-key": "leak-attempt-000001" },
    );
    await collect(origin, "/auth/confirm", { refresh_token: second.json.refresh_token });
    await collect(origin, "/auth/reauthenticate", { password: passwords[0] }, bearer);
    await collect(origin, "/auth/reauthenticate", { password: passwords[2] }, bearer);
    await new Promise((resolve) => setTimeout(resolve, 2100));
    const reused = await collect(
      origin,
      "/auth/refresh",
      { refresh_token: first },
      { "idempotency-key": "leak-attempt-000002" },
    );
    assert.equal(reused.json.code, "refresh_token_reused");
    const again = await collect(origin, "/auth/login", { email, password: passwords[0], transport: "body" });
    const changed = await collect(
      origin,
      "/auth/password",
      { current_password: passwords[0], new_password: passwords[1] },
      { authorization: `Bearer ${again.json.access_token}` },
    );
    assert.equal(changed.status, 200);
    for (const path of ["/", "/reset", "/metrics", "/.well-known/jwks.json", "/auth/revocations"]) {
      const response = await fetch(origin + path, {
        headers: { authorization: `Bearer ${environment.PAWL_ADMIN_TOKEN}` },
      });
      places.set(`page ${path}`, await response.text());
    }
    secrets.push(readFileSync(join(folder.path, "pawl.db.secret"), "utf8").trim());
    for (const [name, text] of databaseFiles(folder.path)) places.set(`running ${name}`, text);
    assert.equal(await program.stop(), 0);
    for (const [name, text] of databaseFiles(folder.path)) places.set(`closed ${name}`, text);
    places.set("logs", program.output());
    t.diagnostic(`${secrets.length} secrets searched for in ${places.size} places`);
    assert.ok(secrets.length > 10 && places.size > 12);
    assert.ok((places.get("logs") as string).length > 1000, "the logs are talkative");
    assert.deepEqual(found(secrets, places), []);
    // The search itself works: each secret is found where it was planted.
    for (const secret of secrets) {
      const planted = new Map([["planted", `before ${formsOf(secret).at(-1)} after`]]);
      assert.equal(found([secret], planted).length, 1);
    }
  } finally {
    await program.kill();
    folder.remove();
  }
});
