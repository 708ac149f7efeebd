// Listening: `localhost` means both loopback families on one port, and port 0 the same free port for both. Owns which
// addresses are bound; serves nothing.

import type { Server } from "node:http";
import type { AddressInfo } from "node:net";

/** How often another free port is tried when the second family's is taken. */
const portRoundsMax = 20;

/** This machine does not have the address family. */
const missingFamily = new Set(["EADDRNOTAVAIL", "EAFNOSUPPORT", "EINVAL"]);

/** Binds one address. Resolves the port. */
function bind(server: Server, host: string, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen({ host, port, exclusive: false }, () => {
      server.off("error", reject);
      resolve((server.address() as AddressInfo).port);
    });
  });
}

function unbind(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
  });
}

function codeOf(error: unknown): string {
  return error instanceof Error && "code" in error ? String(error.code) : "";
}

/** What is bound. */
export interface Listening {
  readonly port: number;
  /** One, or two for `localhost`. */
  readonly servers: readonly Server[];
}

/**
 * Binds `host`; rejects with the system's error (`EADDRINUSE`, `EACCES`, …).
 * @param create makes one server; called once for each address
 */
export async function listen(create: () => Server, host: string, port: number): Promise<Listening> {
  if (host !== "localhost") {
    const server = create();
    return { port: await bind(server, host, port), servers: [server] };
  }
  for (let round = 1; ; round += 1) {
    const four = create();
    const bound = await bind(four, "127.0.0.1", port).catch((error: unknown) => {
      if (missingFamily.has(codeOf(error))) return undefined;
      throw error;
    });
    const six = create();
    try {
      const portOfSix = await bind(six, "::1", bound ?? port);
      return { port: portOfSix, servers: bound === undefined ? [six] : [four, six] };
    } catch (error) {
      if (bound !== undefined && missingFamily.has(codeOf(error))) return { port: bound, servers: [four] };
      if (bound !== undefined) await unbind(four);
      // The port was free for one family only: with port 0 another one will do.
      if (port !== 0 || codeOf(error) !== "EADDRINUSE" || round === portRoundsMax) throw error;
    }
  }
}
