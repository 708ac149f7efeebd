// The client's limits: a budget of refreshes for the hour, pauses that double, waits that a signal ends, bodies that are
// replayed or not, and redirects, which never take the token to another origin.

import assert from "node:assert/strict";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { describe, it, type TestContext } from "node:test";
import { createBudget } from "../../src/client/budget.ts";
import { ClientError } from "../../src/client/index.ts";
import { createScene, gate, leap, refuses, until } from "./scene.ts";

const scene = await createScene("--grace", "2s");
const { network } = scene;

const mebibyte = 1_048_576;
const marker = 'Bearer realm="api", error="invalid_token"';

interface Api {
  readonly origin: string;
  readonly seen: { authorization: string | undefined; bytes: number; path: string }[];
}

/** A resource server: records what came, then answers as told. */
async function api(
  test: TestContext,
  answer: (incoming: IncomingMessage, outgoing: ServerResponse, count: number) => void,
): Promise<Api> {
  const seen: Api["seen"] = [];
  const server = createServer((incoming, outgoing) => {
    let bytes = 0;
    incoming.on("data", (chunk: Buffer) => {
      bytes += chunk.length;
    });
    incoming.on("end", () => {
      seen.push({ authorization: incoming.headers.authorization, bytes, path: incoming.url ?? "" });
      answer(incoming, outgoing, seen.length);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  test.after(() => {
    server.closeAllConnections();
    server.close();
  });
  return { origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, seen };
}

const refuse = (_: IncomingMessage, outgoing: ServerResponse): void => {
  outgoing.writeHead(401, { "www-authenticate": marker }).end();
};
const refuseFirst = (incoming: IncomingMessage, outgoing: ServerResponse, count: number): void => {
  if (count === 1) refuse(incoming, outgoing);
  else outgoing.end("done");
};

describe("the budget", { concurrency: false }, () => {
  it("ends a loop of refusals after 60 refreshes beyond what tokens of 15 minutes need, and fills again", async (test) => {
    const ahead = leap(test);
    const broken = await api(test, refuse);
    const { client, browser } = await scene.signedIn({ allowedOrigins: [broken.origin] });
    let answers = 0;
    let refusal: ClientError | undefined;
    for (; refusal === undefined && answers < 200; answers += 1) {
      await client.fetch(`${broken.origin}/thing`).catch((error: ClientError) => {
        refusal = error;
      });
    }
    assert.equal(refusal?.code, "refresh_budget");
    assert.equal(network.to("/auth/refresh").length, 68, "60 and twice four");
    assert.equal(client.session.getSnapshot().status, "signed-in");
    await refuses(client.refresh(), "refresh_budget");
    ahead(3600 / 68 + 1);
    assert.equal(await client.refresh(), true, "one more after its share of the hour");
    await refuses(client.refresh(), "refresh_budget");
    assert.deepEqual(browser.farewells, []);
  });

  it("pauses for twice as long after each failure, and not at all once the server answers", async (test) => {
    const ahead = leap(test);
    test.mock.method(Math, "random", () => 0);
    const { client } = await scene.signedIn();
    network.fault = ({ path }) => (path === "/auth/refresh" ? "lose the request" : undefined);
    let sends = 0;
    for (const seconds of [1, 2, 4, 8, 16, 32, 60, 60]) {
      await refuses(client.refresh(), "network_error");
      sends += 2;
      assert.equal(network.to("/auth/refresh").length, sends);
      ahead(seconds - 0.5);
      await refuses(client.refresh(), "network_error");
      assert.equal(network.to("/auth/refresh").length, sends, `nothing is sent for ${seconds} s`);
      ahead(0.6);
    }
    network.fault = () => undefined;
    assert.equal(await client.refresh(), true);
    assert.equal(await client.refresh(), true);
  });

  it("waits 5 minutes at most, whatever a server asks for", async (test) => {
    const ahead = leap(test);
    const { client } = await scene.signedIn();
    const body = JSON.stringify({ code: "rate_limited", terminal: false });
    network.fault = ({ path }) =>
      path === "/auth/refresh" ? { status: 429, headers: { "retry-after": "86400" }, body } : undefined;
    await refuses(client.refresh(), "rate_limited");
    network.fault = () => undefined;
    ahead(299);
    await refuses(client.refresh(), "rate_limited");
    ahead(2);
    assert.equal(await client.refresh(), true);
  });

  it("goes on at once when the network is back, but not before the server allows it", () => {
    const budget = createBudget();
    budget.fail(new ClientError("network_error"));
    assert.throws(() => budget.spend(), { code: "network_error" });
    budget.resume();
    budget.spend();
    budget.fail(new ClientError("rate_limited", "x", { status: 429, retryAfterSeconds: 60 }));
    budget.resume();
    assert.throws(() => budget.spend(), { code: "rate_limited" });
  });
});

describe("signals", { concurrency: false }, () => {
  it("end the waiting for a token at once, and leave the refresh to the others", async (test) => {
    const resource = await api(test, (_, outgoing) => outgoing.end("done"));
    const { browser } = await scene.signedIn();
    const client = browser.open({ allowedOrigins: [resource.origin] });
    const answer = gate();
    network.fault = ({ path }) => (path === "/auth/refresh" ? answer.passed : undefined);
    const leaving = new AbortController();
    const first = client.fetch(`${resource.origin}/thing`, { signal: leaving.signal });
    const second = client.getAccessToken({ signal: leaving.signal });
    const third = client.getAccessToken();
    await until(() => network.to("/auth/refresh").length === 1);
    leaving.abort(new Error("the page went on"));
    await assert.rejects(first, { message: "the page went on" });
    await assert.rejects(second, { message: "the page went on" });
    answer.open();
    assert.notEqual(await third, null);
    assert.equal(network.to("/auth/refresh").length, 1);
    assert.deepEqual(resource.seen, []);
  });

  it("that are spent already send nothing", async (test) => {
    const resource = await api(test, (_, outgoing) => outgoing.end("done"));
    const { client } = await scene.signedIn({ allowedOrigins: [resource.origin] });
    const signal = AbortSignal.abort(new Error("too late"));
    await assert.rejects(client.fetch(`${resource.origin}/thing`, { signal }), { message: "too late" });
    await assert.rejects(client.getAccessToken({ signal }), { message: "too late" });
    assert.deepEqual(resource.seen, []);
  });
});

describe("replays", { concurrency: false }, () => {
  const bodies: readonly [string, BodyInit, number | undefined][] = [
    ["text of 1 MiB", "x".repeat(mebibyte), mebibyte],
    ["text that is longer", "x".repeat(mebibyte + 1), undefined],
    ["text that is longer in bytes", "ä".repeat(mebibyte / 2 + 1), undefined],
    ["bytes of 1 MiB", new Uint8Array(mebibyte), mebibyte],
    ["bytes that are more", new Uint8Array(mebibyte + 1), undefined],
    ["a blob of 1 MiB", new Blob(["x".repeat(mebibyte)]), mebibyte],
    ["a blob that is larger", new Blob(["x".repeat(mebibyte + 1)]), undefined],
    ["a form", new URLSearchParams({ a: "b" }), 3],
  ];
  for (const [what, body, bytes] of bodies) {
    it(`${bytes === undefined ? "gives back the 401 for" : "sends again"} ${what}`, async (test) => {
      const resource = await api(test, refuseFirst);
      const { client } = await scene.signedIn({ allowedOrigins: [resource.origin] });
      const answer = await client.fetch(`${resource.origin}/thing`, { method: "POST", body });
      assert.equal(answer.status, bytes === undefined ? 401 : 200);
      assert.equal(resource.seen.length, bytes === undefined ? 1 : 2);
      assert.equal(resource.seen.at(-1)?.bytes, bytes ?? resource.seen[0]?.bytes);
      assert.equal(network.to("/auth/refresh").length, bytes === undefined ? 0 : 1);
    });
  }

  it("sends a Request that came ready-made again, and a large one not", async (test) => {
    const resource = await api(test, (incoming, outgoing, count) =>
      refuseFirst(incoming, outgoing, ((count + 1) % 2) + 1),
    );
    const { client } = await scene.signedIn({ allowedOrigins: [resource.origin] });
    const url = `${resource.origin}/thing`;
    const form = new FormData();
    form.set("name", "value");
    assert.equal((await client.fetch(new Request(url, { method: "POST", body: form }))).status, 200);
    assert.equal(resource.seen[0]?.bytes, resource.seen[1]?.bytes);
    const large = new Request(url, { method: "POST", body: "x".repeat(mebibyte + 1) });
    assert.equal((await client.fetch(large)).status, 401);
    assert.equal(resource.seen.length, 3);
  });
});

describe("streams", { concurrency: false }, () => {
  for (const isAborted of [false, true]) {
    it(`that never end are not waited for once the 401 is there${isAborted ? ", nor with a signal" : ""}`, async (test) => {
      const resource = await api(test, refuse);
      const early = createServer((_, outgoing) => outgoing.writeHead(401, { "www-authenticate": marker }).end());
      await new Promise<void>((resolve) => early.listen(0, "127.0.0.1", resolve));
      test.after(() => {
        early.closeAllConnections();
        early.close();
      });
      const origin = `http://127.0.0.1:${(early.address() as AddressInfo).port}`;
      const { client } = await scene.signedIn({ allowedOrigins: [origin] });
      const leaving = new AbortController();
      const body = new ReadableStream({ start: (controller) => controller.enqueue(new Uint8Array(1)) });
      const { signal } = leaving;
      const request = new Request(`${origin}/thing`, { method: "POST", body, duplex: "half", signal } as RequestInit);
      const answer = client.fetch(request);
      if (isAborted) setTimeout(() => leaving.abort(new Error("the page went on")), 100);
      assert.equal((await answer).status, 401);
      assert.deepEqual(resource.seen, []);
    });
  }
});

it("an answer that is replaced by another is not left unread", async (test) => {
  const resource = await api(test, (_, outgoing, count) => {
    if (count > 1) return void outgoing.end("done");
    outgoing.writeHead(401, { "www-authenticate": marker }).end("x".repeat(mebibyte));
  });
  const { browser } = await scene.signedIn();
  const answers: Response[] = [];
  const client = browser.open({
    allowedOrigins: [resource.origin],
    async fetch(request) {
      const answer = await browser.jar.fetch(request);
      if (request.url.startsWith(resource.origin)) answers.push(answer);
      return answer;
    },
  });
  assert.equal((await client.fetch(`${resource.origin}/thing`)).status, 200);
  assert.deepEqual(
    answers.map(({ bodyUsed }) => bodyUsed),
    [true, false],
  );
});

describe("redirects", { concurrency: false }, () => {
  for (const status of [301, 302, 303, 307, 308]) {
    it(`${status} to another origin goes there without the token`, async (test) => {
      const foreign = await api(test, (_, outgoing) => outgoing.end("foreign"));
      const resource = await api(test, (_, outgoing) => {
        outgoing.writeHead(status, { location: `${foreign.origin}/elsewhere` }).end();
      });
      const { client } = await scene.signedIn({ allowedOrigins: [resource.origin] });
      await client.fetch(`${resource.origin}/thing`);
      assert.notEqual(resource.seen[0]?.authorization, undefined);
      assert.equal(foreign.seen.length, 1);
      assert.equal(foreign.seen[0]?.authorization, undefined);
    });
  }

  it("at the same origin keeps it", async (test) => {
    const resource = await api(test, ({ url }, outgoing) => {
      if (url === "/thing") outgoing.writeHead(307, { location: "/thing/" }).end();
      else outgoing.end("done");
    });
    const { client } = await scene.signedIn({ allowedOrigins: [resource.origin] });
    assert.equal((await client.fetch(`${resource.origin}/thing`)).status, 200);
    assert.notEqual(resource.seen[1]?.authorization, undefined);
  });
});
