// The WebSocket example of docs/reference/verifier.md, taken from the page and run in a real server: whoever hangs up in the middle
// of a handshake ends nobody else, and what stands in the way is answered as the table below it says.

import assert from "node:assert/strict";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import type { IncomingMessage, Server } from "node:http";
import { createServer } from "node:http";
import { type AddressInfo, connect, type Socket } from "node:net";
import { join } from "node:path";
import { before, describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { PawlError } from "../../src/core/errors.ts";
import type { HoldOptions } from "../../src/verifier/index.ts";

const page = readFileSync(join(import.meta.dirname, "../../docs/reference/verifier.md"), "utf8");
const [, example = ""] = /```js\n(server\.on\("upgrade"[\s\S]*?)```/.exec(page) ?? [];
const holdMilliseconds = 100;

/** The example, with everything that it takes from around it. */
const install = new Function("server", "sockets", "holdOpen", "verifier", "tokenOf", "tokenIn", example) as (
  ...around: unknown[]
) => void;

type Held = { stop(): void; renew(token: string): Promise<void> };
let stopped = 0;

/** Stands for the check of a token, which may take seconds; the token says how it ends. */
async function holdOpen(_verifier: unknown, token: string, { onEnd }: HoldOptions): Promise<Held> {
  await sleep(holdMilliseconds);
  if (token === "junk") throw new PawlError("invalid_token", "The access token is not acceptable.");
  if (token === "away") throw new PawlError("store_unavailable", "Retry.");
  if (token === "ended") onEnd({ reason: "revoked", closeCode: 4001 });
  return { stop: () => (stopped += 1), renew: async () => undefined };
}

/** Stands for `WebSocketServer` of the package `ws`: answers the handshake. */
const sockets = {
  handleUpgrade(_request: IncomingMessage, stream: Socket, _head: Buffer, opened: (socket: object) => void): void {
    stream.write("HTTP/1.1 101 Switching Protocols\r\n\r\n");
    opened({ on: () => undefined, close: () => stream.end(), terminate: () => stream.destroy() });
  },
};

describe("the example of a WebSocket", { timeout: 30_000 }, () => {
  let server: Server;
  const handshake = async (token: string): Promise<Socket> => {
    const socket = connect((server.address() as AddressInfo).port, "127.0.0.1");
    await once(socket, "connect");
    socket.write(`GET /?${token} HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n`);
    return socket;
  };
  const answer = async (token: string): Promise<string> => {
    const socket = await handshake(token);
    let text = "";
    for await (const chunk of socket) {
      text += chunk;
      if (text.includes("\r\n\r\n")) break;
    }
    return text.split("\r\n")[0] as string;
  };
  before(async () => {
    server = createServer();
    const tokenOf = ({ url = "" }: IncomingMessage): string => url.slice(2);
    install(server, sockets, holdOpen, {}, tokenOf, String);
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    server.unref();
  });

  test("is on the page", () => assert.ok(example.includes("holdOpen(verifier")));

  test("survives whoever hangs up in the middle of a handshake", async () => {
    for (const token of ["junk", "away", "good", "ended"]) {
      const socket = await handshake(token);
      await sleep(holdMilliseconds / 4);
      socket.resetAndDestroy();
    }
    await sleep(2 * holdMilliseconds);
    assert.equal(stopped, 2, "what was held for nobody is let go of");
    assert.match(await answer("good"), /101/);
  });

  test("answers what stands in the way", async () => {
    assert.match(await answer("junk"), /401/);
    assert.match(await answer("away"), /503/);
    assert.equal(await answer("ended"), "", "over before it began");
  });
});
