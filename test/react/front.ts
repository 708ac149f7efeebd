// One origin for a page of a test and the server behind it: serves the page, forwards everything else, notes what came
// by, and can hold an answer back. Owns no rule about what a test expects.

import type { ServerResponse } from "node:http";
import { fileURLToPath } from "node:url";
import { freePort } from "../../sim/free-port.ts";
import { startProgram, temporaryFolder } from "../../sim/program.ts";
import { type Answer, forward, type Passed, startProxy } from "../../sim/proxy.ts";

const main = fileURLToPath(new URL("../../src/cli/main.ts", import.meta.url));

/** A page: its text by path. */
export type Pages = Map<string, { readonly type: string; readonly text: string }>;

/** The origin with its server. */
export interface Front {
  readonly origin: string;
  /** Of the server, for requests of other devices. */
  readonly port: number;
  readonly pages: Pages;
  /** Requests that reached the server, as `METHOD /path`. */
  readonly passed: string[];
  /** Set by a test: keeps an answer from the page until the promise settles; rejected, the page gets no answer. */
  hold: (request: string) => Promise<void> | undefined;
  close(): Promise<void>;
}

function send(outgoing: ServerResponse, { status, headers, body }: Answer): void {
  outgoing.writeHead(status, headers);
  outgoing.end(body);
}

/** Starts both. */
export async function startFront(): Promise<Front> {
  const pages: Pages = new Map();
  const passed: string[] = [];
  const handle = async (request: Passed, outgoing: ServerResponse): Promise<void> => {
    const page = pages.get(request.path);
    if (page !== undefined) {
      outgoing.writeHead(200, { "content-type": page.type }).end(page.text);
      return;
    }
    const name = `${request.method} ${request.path}`;
    passed.push(name);
    const answer = await forward(request, behind);
    await front.hold(name);
    send(outgoing, answer);
  };
  const proxy = await startProxy(handle);
  const origin = `http://localhost:${new URL(proxy.origin).port}`;
  // Its ready line names the issuer, which is the front: the port has to be known beforehand.
  const port = await freePort();
  const behind = new URL(`http://localhost:${port}`);
  const folder = temporaryFolder();
  const server = await startProgram(folder.path, {
    main,
    port,
    arguments: ["--rate-limit", "off"],
    environment: { PAWL_ISSUER: origin },
  }).catch(async (error: unknown) => {
    await proxy.close();
    throw error;
  });
  const close = async (): Promise<void> => {
    await proxy.close();
    await server.stop();
    folder.remove();
  };
  const front: Front = { origin, port, pages, passed, hold: () => undefined, close };
  return front;
}
