// The way to *.test for WebKitGTK, which cannot be told about names: a proxy that takes every *.test for this machine and
// refuses all else. Knows nothing of what passes; TLS goes through it unread.

import { createServer, type IncomingMessage, request, type ServerResponse } from "node:http";
import { type AddressInfo, connect, type Socket } from "node:net";
import type { Duplex } from "node:stream";

/** A running proxy. */
export interface LoopbackProxy {
  readonly url: string;
  close(): Promise<void>;
}

/** Starts it on a free port. */
export async function startLoopbackProxy(): Promise<LoopbackProxy> {
  const sockets = new Set<Duplex>();
  const keep = (socket: Duplex): void => {
    sockets.add(socket);
    socket.on("error", () => socket.destroy());
    socket.once("close", () => sockets.delete(socket));
  };
  const server = createServer(passPlain);
  server.on("connection", keep);
  server.on("connect", (incoming: IncomingMessage, client: Duplex, head: Buffer) => {
    const port = testPort(`https://${incoming.url}`);
    if (port === undefined) return void client.end("HTTP/1.1 403 Forbidden\r\n\r\n");
    const target: Socket = connect(port, "127.0.0.1", () => {
      client.write("HTTP/1.1 200 Connection established\r\n\r\n");
      target.write(head);
      target.pipe(client);
      client.pipe(target);
    });
    keep(target);
    target.once("close", () => client.destroy());
    client.once("close", () => target.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async close() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** The port of a URL below .test; nothing for any other host. */
function testPort(url: string): number | undefined {
  if (!URL.canParse(url)) return undefined;
  const { hostname, port, protocol } = new URL(url);
  if (!hostname.endsWith(".test")) return undefined;
  return port === "" ? (protocol === "https:" ? 443 : 80) : Number(port);
}

function passPlain(incoming: IncomingMessage, outgoing: ServerResponse): void {
  const port = testPort(incoming.url ?? "");
  if (port === undefined) return void outgoing.writeHead(403).end();
  const { pathname, search } = new URL(incoming.url ?? "");
  const { method, headers } = incoming;
  const sent = request({ host: "127.0.0.1", port, method, headers, path: pathname + search, agent: false });
  sent.on("error", () => outgoing.destroy());
  sent.on("response", (answer) => {
    outgoing.writeHead(answer.statusCode ?? 502, answer.rawHeaders);
    answer.pipe(outgoing);
  });
  incoming.pipe(sent);
}
