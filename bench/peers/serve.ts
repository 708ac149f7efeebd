// How a contestant announces itself and hands out starting tokens, so that run.ts treats all of them alike.
// Owns the ready line and the seed endpoint; knows nothing about refresh. PEER_PORT asks for a port, after a restart.

import type { Server } from "node:http";
import type { AddressInfo } from "node:net";

/** The path that answers `{tokens: [...]}`: one fresh refresh token per client of the load generator. */
export const seedPath = "/seed";
/** How many tokens one seed call may ask for. */
const seedTokensMax = 4096;

/** How many tokens a request to {@link seedPath} asks for (`?clients=`). */
export function seedCount(url: string): number {
  const count = Number(new URL(url, "http://localhost").searchParams.get("clients"));
  if (!Number.isInteger(count) || count < 1 || count > seedTokensMax)
    throw new RangeError(`clients: 1..${seedTokensMax}`);
  return count;
}

/** Listens on a loopback port, a free one by default, prints the ready line and ends on SIGTERM. */
export function announce(server: Server, name: string, onEnd: () => void = () => {}): void {
  server.listen(Number(process.env.PEER_PORT ?? 0), "127.0.0.1", () => {
    const { port } = server.address() as AddressInfo;
    process.stdout.write(`${name} ready http://localhost:${port} pid=${process.pid}\n`);
  });
  process.once("SIGTERM", () => {
    server.closeAllConnections();
    server.close(() => {
      onEnd();
      process.exit(0);
    });
  });
}
