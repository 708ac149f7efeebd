// Ports for programs that cannot be asked which one they took. Holds none: who asks must use it soon.
// Knows no server.

import { once } from "node:events";
import { type AddressInfo, createServer } from "node:net";

/** A loopback port that nobody listens on right now. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, "close");
  return port;
}
