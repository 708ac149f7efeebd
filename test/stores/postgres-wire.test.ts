// What a Postgres server may send at the worst moment, byte for byte: a server of the test's own speaks just enough of the
// protocol, since a real one picks its moments itself.

import assert from "node:assert/strict";
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { createServer } from "node:net";
import { it } from "node:test";
import pg from "pg";
import { postgresStore } from "../../src/stores/postgres.ts";

/** A message of the server: its letter and its body (PostgreSQL, Message Formats). */
function message(letter: string, body: Buffer): Buffer {
  const head = Buffer.alloc(5);
  head.write(letter);
  head.writeInt32BE(4 + body.length, 1);
  return Buffer.concat([head, body]);
}

const ok = message("R", Buffer.alloc(4));
const ready = message("Z", Buffer.from("I"));
const ending = message("E", Buffer.from("SFATAL\0C57P01\0Mterminating connection\0\0"));

it("a connection that is ready and cut in one packet is an unavailable store, not the end of the process", async (t) => {
  let connections = 0;
  const server = createServer((socket) => {
    connections += 1;
    socket.on("error", () => {});
    socket.once("data", () => socket.end(Buffer.concat([ok, ready, ending])));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  t.after(() => server.close());
  const { port } = server.address() as AddressInfo;
  const pool = new pg.Pool({ host: "127.0.0.1", port, user: "u", database: "d", password: "p" });
  t.after(() => pool.end());
  for (let attempt = 1; attempt <= 5; attempt += 1) {
    await assert.rejects(postgresStore(pool).open(), { code: "store_unavailable" });
  }
  assert.ok(connections >= 5);
});
