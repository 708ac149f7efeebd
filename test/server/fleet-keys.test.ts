// Keys and secrets of several nodes on one store: one signing key though twenty start at once, published before any
// token of it exists; PAWL_SECRET replaced over a rolling restart while a client goes from node to node; a node with the
// wrong secret, which must not start. The key ring over time is tested in test/engine/key-ring.test.ts.

import assert from "node:assert/strict";
import { join } from "node:path";
import { describe, it } from "node:test";
import { createSessions } from "../../src/engine/create-sessions.ts";
import type { Sessions } from "../../src/engine/types.ts";
import { readStore } from "../../src/server/option-values.ts";
import { createStore } from "../../src/server/stores.ts";
import { ownServerMissing, postgresServer } from "../services/postgres.ts";
import { skip as redisMissing, startRedis } from "../services/redis.ts";
import { pawl, register, type Server, send, serve, temporaryFolder } from "./program.ts";

const nodeCount = 20;
const issuer = "http://localhost:4000";
const secretOf = (byte: number): string => Buffer.alloc(32, byte).toString("base64url");
const [old, fresh, wrong] = [secretOf(1), secretOf(2), secretOf(3)] as const;
const postgres = postgresServer(18);

/** Twenty nodes, each with a store of its own on one database; every one signs the moment it is open. */
async function startTogether(location: string): Promise<void> {
  const opened: Sessions[] = [];
  const jwksAtFirst: string[] = [];
  const tokens: string[] = [];
  const start = async (_: unknown, place: number): Promise<void> => {
    const store = await createStore(readStore(location), "/", true);
    const node = await createSessions({ store, issuer, secret: old });
    opened.push(node);
    jwksAtFirst.push(JSON.stringify(node.jwks()));
    tokens.push((await node.issue({ subject: `user-${place}` })).accessToken);
  };
  try {
    await Promise.all(Array.from({ length: nodeCount }, start));
    assert.equal(tokens.length, nodeCount);
    assert.equal(new Set(jwksAtFirst).size, 1, "what a node publishes first is what all publish");
    assert.equal(JSON.parse(jwksAtFirst[0] as string).keys.length, 1);
    const checked = opened.flatMap((node) => tokens.map((token) => node.authenticate(token)));
    assert.equal((await Promise.all(checked)).length, nodeCount * nodeCount);
    const subjects = await Promise.all(tokens.map((token) => opened[0]?.authenticate(token)));
    assert.equal(new Set(subjects.map((each) => each?.subject)).size, nodeCount);
  } finally {
    await Promise.all(opened.map((node) => node.close()));
  }
}

describe("twenty nodes that start at once on an empty store have one signing key", () => {
  it("on SQLite", () => startTogether(`sqlite:${join(temporaryFolder(), "pawl.db")}`));

  it("on Postgres", { skip: ownServerMissing(18) }, async () => {
    const url = new URL(await postgres.url());
    url.searchParams.set("schema", "together");
    url.searchParams.set("connections", "2");
    await startTogether(url.href);
  });

  it("on Redis", { skip: redisMissing }, async () => {
    const { port } = await startRedis();
    await startTogether(`redis://127.0.0.1:${port}`);
  });
});

const start = (folder: string, ...secrets: string[]): Promise<Server> =>
  serve([], { folder, environment: { PAWL_SECRET: secrets.join(",") } });

/** A start that must fail, with one line on standard error and nothing on standard output. */
async function refused(folder: string, ...secrets: string[]): Promise<void> {
  const environment = { PAWL_SECRET: secrets.join(",") };
  const { code, out, errors } = await pawl(["serve", "--port", "0"], { folder, environment });
  assert.deepEqual([code, out], [1, ""], errors);
  assert.match(
    errors,
    /^pawl: The store holds sessions made under a secret that is not given\.[^\n]*PAWL_SECRET[^\n]*\n$/,
  );
  for (const secret of secrets) assert.equal(errors.includes(secret), false);
}

// A node that starts although it must not would be waited for without end.
describe("PAWL_SECRET of a fleet", { timeout: 120_000 }, () => {
  it("is replaced by two rolling restarts: `old,new` everywhere, then `new,old`; nobody is signed out", async () => {
    const folder = temporaryFolder();
    const nodes: Server[] = [await start(folder, old), await start(folder, old)];
    let { refresh_token: token } = await register(nodes[0] as Server);
    const keyIds = new Set<number>();
    /** The client goes from node to node, as behind a balancer; a token of either secret must do at every node. */
    const useEach = async (): Promise<void> => {
      for (const node of [...nodes, ...nodes]) {
        const answer = await send(node, "POST", "/auth/refresh", { body: { refresh_token: token } });
        assert.equal(answer.status, 200, answer.text);
        token = answer.json.refresh_token ?? token;
        keyIds.add(Buffer.from(token.slice("pawl_rt_".length), "base64url")[1] as number);
      }
    };
    await useEach();
    for (const secrets of [
      [old, fresh],
      [fresh, old],
    ]) {
      for (const place of nodes.keys()) {
        assert.equal((await (nodes[place] as Server).stop()).code, 0);
        nodes[place] = await start(folder, ...secrets);
        await useEach();
      }
    }
    assert.equal(keyIds.size, 2, "tokens of both secrets were in use");
    await refused(folder, wrong);
    // The way back is closed: the session depends on the new one now, and no longer on the old one.
    await refused(folder, old);
    await Promise.all(nodes.map((node) => node.stop()));
    const alone = await start(folder, fresh);
    nodes.splice(0, nodes.length, alone);
    await useEach();
    await alone.stop();
  });

  it("keeps a node from starting without the secret that a session still needs, and says which option", async () => {
    const folder = temporaryFolder();
    const node = await start(folder, old);
    const { refresh_token: token } = await register(node);
    await refused(folder, fresh);
    // The refusal changed nothing for the node that runs.
    assert.equal((await send(node, "POST", "/auth/refresh", { body: { refresh_token: token } })).status, 200);
    assert.equal((await node.stop()).code, 0);
    await refused(folder, fresh);
    const both = await start(folder, fresh, old);
    assert.equal((await both.stop()).code, 0);
  });
});
