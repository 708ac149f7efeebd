// Guards in the frameworks themselves: plain fetch handlers, node:http, Express, Fastify and Hono, over real HTTP. One table of
// requests, and every framework gives the same answers (RFC 6750, RFC 9470).

import assert from "node:assert/strict";
import { createServer, IncomingMessage, type RequestListener, ServerResponse } from "node:http";
import { createRequire } from "node:module";
import { type AddressInfo, Socket } from "node:net";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { before, describe, test } from "node:test";
import { setTimeout as wait } from "node:timers/promises";
import { PawlError } from "../../src/core/errors.ts";
import type { Access, Guards, RecentAuth, Verifier } from "../../src/verifier/index.ts";
import {
  accessOf,
  createVerifier,
  expressGuards,
  fastifyGuards,
  fetchGuards,
  honoGuards,
  nodeGuards,
} from "../../src/verifier/index.ts";
import { installInterop, interopFolder } from "../../tools/interop/install.ts";
import { Raw } from "../adapters/raw.ts";
import { audience, ecKey, forge, goodClaims, nowSeconds } from "./issuer.ts";

const issuer = "https://auth.example.com";
const key = ecKey("k1");
const frameworks = createRequire(join(interopFolder, "package.json"));

function verifier(): Verifier {
  const keys = { keys: [key.jwk] };
  return createVerifier({ issuer, audience, keys, revocations: false, now: () => nowSeconds * 1000 });
}

const tokenOf = (changes: object = {}): string =>
  forge(key, { typ: "at+jwt", alg: "ES256", kid: "k1" }, { ...goodClaims(issuer), ...changes });

const recent: RecentAuth = { maxAgeSeconds: 300, acr: ["strong", "gold"] };
/** Paths and what they ask for. */
const routes = {
  "/session": (guards: Guards<unknown>) => guards.requireSession(),
  "/scope": (guards: Guards<unknown>) => guards.requireScope("read delete"),
  "/age": (guards: Guards<unknown>) => guards.requireRecentAuth({ maxAgeSeconds: 300 }),
  "/acr": (guards: Guards<unknown>) => guards.requireRecentAuth(recent),
} as const;
type Path = keyof typeof routes;
const paths = Object.keys(routes) as Path[];

function guardFor<Guard>(guards: Guards<Guard>, path: Path): Guard {
  return routes[path](guards as Guards<unknown>) as Guard;
}

const answered = (access: Access): string => JSON.stringify({ sub: access.sub });

/** How each framework is started; resolves its origin. */
type Start = (t: TestContext) => Promise<string>;

async function listen(t: TestContext, listener: RequestListener): Promise<string> {
  const server = createServer(listener);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

/** The headers of a request as a fetch handler of a runtime gets them: two of one name are joined. */
function headersOf(rawHeaders: readonly string[]): Headers {
  const headers = new Headers();
  for (let index = 0; index < rawHeaders.length; index += 2) {
    headers.append(rawHeaders[index] as string, rawHeaders[index + 1] as string);
  }
  return headers;
}

async function sendResponse(response: Response, outgoing: Parameters<RequestListener>[1]): Promise<void> {
  outgoing.writeHead(response.status, Object.fromEntries(response.headers));
  outgoing.end(await response.text());
}

const starts: Record<string, Start> = {
  "fetch handlers": async (t) => {
    const guards = fetchGuards(verifier());
    const made = new Map(paths.map((path) => [path, guardFor(guards, path)]));
    return await listen(t, async (incoming, outgoing) => {
      const request = new Request(`http://a${incoming.url}`, { headers: headersOf(incoming.rawHeaders) });
      const access = await made.get(incoming.url as Path)?.(request);
      await sendResponse(access instanceof Response ? access : new Response(answered(access as Access)), outgoing);
    });
  },
  "node:http": async (t) => {
    const guards = nodeGuards(verifier());
    const made = new Map(paths.map((path) => [path, guardFor(guards, path)]));
    return await listen(t, async (request, response) => {
      const access = await made.get(request.url as Path)?.(request, response);
      if (access !== undefined) response.end(answered(access));
    });
  },
  Express: async (t) => {
    const express = frameworks("express") as () => {
      get(path: string, ...handlers: unknown[]): void;
    } & RequestListener;
    const app = express();
    const guards = expressGuards(verifier());
    for (const path of paths) {
      app.get(path, guardFor(guards, path), (request: object, response: { end(text: string): void }) =>
        response.end(answered(accessOf(request))),
      );
    }
    return await listen(t, app);
  },
  Fastify: async (t) => {
    const { fastify } = frameworks("fastify") as {
      fastify(): {
        get(path: string, ...handlers: unknown[]): void;
        listen(at: { port: number; host: string }): Promise<string>;
        close(): Promise<void>;
      };
    };
    const app = fastify();
    const guards = fastifyGuards(verifier());
    for (const path of paths) {
      app.get(path, { onRequest: guardFor(guards, path) }, async (request: object) => answered(accessOf(request)));
    }
    t.after(() => app.close());
    return await app.listen({ port: 0, host: "127.0.0.1" });
  },
  Hono: async (t) => {
    const { Hono } = frameworks("hono") as {
      Hono: new () => {
        get(path: string, ...handlers: unknown[]): void;
        fetch(request: Request): Promise<Response>;
      };
    };
    const app = new Hono();
    const guards = honoGuards(verifier());
    for (const path of paths) {
      app.get(path, guardFor(guards, path), (context: { text(text: string): Response }) =>
        context.text(answered(accessOf(context))),
      );
    }
    return await listen(t, async (incoming, outgoing) => {
      await sendResponse(
        await app.fetch(new Request(`http://a${incoming.url}`, { headers: headersOf(incoming.rawHeaders) })),
        outgoing,
      );
    });
  },
};

interface Case {
  readonly name: string;
  readonly path: Path;
  readonly headers: readonly string[];
  readonly status: number;
  readonly challenge?: string;
}

const good = tokenOf();
const strong = tokenOf({ acr: "gold" });
const malformed =
  'Bearer realm="api", error="invalid_request", error_description="The Authorization header is malformed."';
const invalid = (why: string): string =>
  `Bearer realm="api", error="invalid_token", error_description="The access token is not acceptable: ${why}."`;
const again =
  'Bearer realm="api", error="insufficient_user_authentication", error_description="Sign in again to do this."';

const cases: readonly Case[] = [
  { name: "a good token", path: "/session", headers: [`Bearer ${good}`], status: 200 },
  { name: "the scheme in any case, several spaces", path: "/session", headers: [`bEaReR   ${good}`], status: 200 },
  { name: "no token: no error is named", path: "/session", headers: [], status: 401, challenge: 'Bearer realm="api"' },
  { name: "another scheme", path: "/session", headers: ["Basic YTpi"], status: 401, challenge: 'Bearer realm="api"' },
  { name: "two words", path: "/session", headers: [`Bearer ${good} x`], status: 400, challenge: malformed },
  {
    name: "two headers",
    path: "/session",
    headers: [`Bearer ${good}`, `Bearer ${good}`],
    status: 400,
    challenge: malformed,
  },
  { name: "junk", path: "/session", headers: ["Bearer junk"], status: 401, challenge: invalid("it is malformed") },
  {
    name: "an expired one",
    path: "/session",
    headers: [`Bearer ${tokenOf({ exp: nowSeconds - 60 })}`],
    status: 401,
    challenge: invalid("it has expired"),
  },
  { name: "all scopes", path: "/scope", headers: [`Bearer ${tokenOf({ scope: "delete read" })}`], status: 200 },
  {
    name: "one scope of two",
    path: "/scope",
    headers: [`Bearer ${good}`],
    status: 403,
    challenge:
      'Bearer realm="api", error="insufficient_scope", error_description="This access token is not for this call.", scope="read delete"',
  },
  {
    name: "no scope at all",
    path: "/scope",
    headers: [`Bearer ${tokenOf({ scope: undefined })}`],
    status: 403,
    challenge:
      'Bearer realm="api", error="insufficient_scope", error_description="This access token is not for this call.", scope="read delete"',
  },
  {
    name: "a recent sign-in",
    path: "/age",
    headers: [`Bearer ${tokenOf({ auth_time: nowSeconds - 300 })}`],
    status: 200,
  },
  {
    name: "a second too old",
    path: "/age",
    headers: [`Bearer ${tokenOf({ auth_time: nowSeconds - 301 })}`],
    status: 401,
    challenge: `${again}, max_age="300"`,
  },
  { name: "recent and strong", path: "/acr", headers: [`Bearer ${strong}`], status: 200 },
  {
    name: "recent and weak",
    path: "/acr",
    headers: [`Bearer ${good}`],
    status: 401,
    challenge: `${again}, max_age="300", acr_values="strong gold"`,
  },
];

/** Over a bare socket: no client is in the way who would tidy up. */
async function ask(
  origin: string,
  path: string,
  headers: readonly string[],
): Promise<{ status: string; text: string }> {
  const client = await Raw.open(Number(new URL(origin).port));
  const lines = headers.map((value) => `Authorization: ${value}`);
  client.send([`GET ${path} HTTP/1.1`, "Host: localhost", "Connection: close", ...lines, "", ""].join("\r\n"));
  const text = await client.untilClosed();
  return { status: client.statuses[0] as string, text };
}

before(() => {
  installInterop();
});

for (const [framework, start] of Object.entries(starts)) {
  describe(`guards for ${framework}`, () => {
    test("one table of answers", async (t) => {
      const origin = await start(t);
      for (const { name, path, headers, status, challenge } of cases) {
        const answer = await ask(origin, path, headers);
        assert.equal(answer.status, String(status), `${name}: ${answer.text}`);
        const found = /^www-authenticate: (.*)\r$/im.exec(answer.text)?.[1];
        assert.equal(found, challenge, name);
        if (status === 200) assert.match(answer.text, /\{"sub":"user"\}/, name);
        else {
          assert.match(answer.text, /^content-type: application\/problem\+json/im, name);
          assert.match(answer.text, /^cache-control: no-store\r$/im, name);
          assert.doesNotMatch(answer.text, /"sub"/, name);
        }
      }
    });
  });
}

test("a request that was answered while its token was judged is let be, and no guard fails over it", async (t) => {
  const late = { ...verifier(), verify: () => wait(30).then(() => Promise.reject(new PawlError("invalid_token"))) };
  const failures: unknown[] = [];
  const express = frameworks("express") as () => {
    use(...handlers: unknown[]): void;
  } & RequestListener;
  const app = express();
  app.use((_: unknown, response: ServerResponse, next: () => void) => {
    next();
    response.writeHead(504).end("too late");
  });
  app.use(expressGuards(late).requireSession());
  app.use((error: unknown, _: unknown, __: unknown, ___: unknown) => failures.push(error));
  const node: RequestListener = async (request, response) => {
    const judged = nodeGuards(late).requireSession()(request, response);
    response.writeHead(504).end("too late");
    assert.equal(await judged.catch((error) => failures.push(error)), undefined);
  };
  for (const listener of [app, node]) {
    const origin = await listen(t, listener);
    assert.equal((await ask(origin, "/", [`Bearer ${good}`])).status, "504");
    await wait(100);
  }
  assert.deepEqual(failures, []);
});

test("what a middleware behind a guard throws reaches the next one, in a chain that somebody wrote by hand", async () => {
  const thrown: unknown[] = [];
  const mayEnter = expressGuards(verifier()).requireSession();
  const request = { rawHeaders: ["authorization", `Bearer ${good}`] };
  await new Promise<void>((resolve) => {
    mayEnter(request, new ServerResponse(new IncomingMessage(new Socket())), (error) => {
      if (error === undefined) throw new Error("a handler that fails");
      thrown.push(error);
      resolve();
    });
  });
  assert.match(String(thrown[0]), /a handler that fails/);
});

test("an issuer that cannot be asked is 503 with Retry-After, in every shape the same", async () => {
  const away = createVerifier({ issuer, audience, revocations: false, fetch: () => Promise.reject(new Error("away")) });
  const request = new Request("http://a/", { headers: { authorization: `Bearer ${good}` } });
  const answer = (await fetchGuards(away).requireSession()(request)) as Response;
  assert.equal(answer.status, 503);
  assert.equal(answer.headers.get("retry-after"), "1");
  assert.equal(answer.headers.get("www-authenticate"), null);
  const problem = (await answer.json()) as Record<string, unknown>;
  assert.deepEqual([problem.code, problem.terminal], ["store_unavailable", false]);
});

test("a mistake in a guard shows where it is made; claims without a guard are an error", () => {
  const guards = fetchGuards(verifier());
  for (const bad of ["", " ", "a  b", 'a"b', "ä"])
    assert.throws(() => guards.requireScope(bad), { code: "invalid_option" });
  assert.throws(() => guards.requireRecentAuth({ maxAgeSeconds: -1 }), { code: "invalid_option" });
  assert.throws(() => guards.requireRecentAuth({ maxAgeSeconds: 0 }), { code: "invalid_option" }, "lets in nobody");
  assert.throws(() => guards.requireRecentAuth({ acr: [] }), { code: "invalid_option" });
  assert.throws(() => guards.requireRecentAuth({}), { code: "invalid_option" });
  assert.throws(() => accessOf({}), /no guard/);
});
