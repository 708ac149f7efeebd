// PAWL_SECRET of several processes on one store: replaced over two rolling restarts while a client goes from node to node,
// and a node with the wrong secret, which must not start. Between engines: test/engine/.

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { pawl, register, type Server, send, serve, temporaryFolder } from "./program.ts";

const secretOf = (byte: number): string => Buffer.alloc(32, byte).toString("base64url");
const [old, fresh, wrong] = [secretOf(1), secretOf(2), secretOf(3)] as const;

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
