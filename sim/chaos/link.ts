// The wire between one node and its store: a relay of bytes that can be cut, slowed down, or made to drop everything for a
// while, as a network partition does. Owns no fault of its own accord; knows no protocol.

import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";

/** What a silent wire keeps for one connection; a sender that has more is cut off. */
const heldBytesMax = 16 * 1024 * 1024;

/** A wire. */
export interface Link {
  readonly port: number;
  /** Leads new connections to another port, and cuts those that are there. */
  lead(port: number): void;
  /** Cuts every connection; resolves how many there were. */
  cut(): number;
  /** From now on nothing passes, in either direction; connections stay open, as when packets are dropped. */
  silence(): void;
  /** What was held passes, as what was sent again after a partition would. */
  heal(): void;
  /** Everything that the store says comes later by this. */
  slow(milliseconds: number): void;
  close(): Promise<void>;
}

/** Passes bytes of one direction, in order, each after its delay and not before the wire is open. */
function pump(from: Socket, to: Socket, isOpen: () => Promise<void>, late: () => number): void {
  let held = 0;
  let tail: Promise<void> = Promise.resolve();
  const pass = (what: () => void): void => {
    const due = performance.now() + late();
    tail = tail.then(async () => {
      const left = due - performance.now();
      if (left > 0) await sleep(left);
      await isOpen();
      if (!to.destroyed) what();
    });
  };
  from.on("data", (chunk: Buffer) => {
    held += chunk.length;
    if (held > heldBytesMax) return void from.destroy();
    pass(() => {
      held -= chunk.length;
      to.write(chunk);
    });
  });
  from.on("end", () => pass(() => to.end()));
  from.on("close", (wasError) => pass(() => (wasError ? to.destroy() : to.destroySoon())));
}

/** Starts a wire to a port of this machine. */
export async function startLink(first: number): Promise<Link> {
  let target = first;
  let delay = 0;
  let open = Promise.resolve();
  let heal = (): void => {};
  const sockets = new Set<Socket>();

  const keep = (socket: Socket): void => {
    sockets.add(socket);
    socket.setNoDelay(true);
    socket.on("error", () => socket.destroy());
    socket.once("close", () => sockets.delete(socket));
  };
  const server = createServer({ allowHalfOpen: true }, (near) => {
    const far = connect({ host: "127.0.0.1", port: target, allowHalfOpen: true });
    keep(near);
    keep(far);
    const isOpen = (): Promise<void> => open;
    pump(near, far, isOpen, () => 0);
    pump(far, near, isOpen, () => delay);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const cut = (): number => {
    const count = sockets.size / 2;
    for (const socket of sockets) {
      // A reset while the end of the stream is on its way leaves a handle behind that keeps Node.js from exiting.
      if (socket.writableEnded) socket.destroy();
      else socket.resetAndDestroy();
    }
    return Math.round(count);
  };
  return {
    port: (server.address() as AddressInfo).port,
    cut,
    lead(port) {
      target = port;
      cut();
    },
    silence() {
      const { promise, resolve } = Promise.withResolvers<void>();
      open = promise;
      heal = resolve;
    },
    heal: () => heal(),
    slow(milliseconds) {
      delay = milliseconds;
    },
    async close() {
      heal();
      cut();
      server.close();
      await once(server, "close");
    },
  };
}
