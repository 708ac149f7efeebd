// A plain request for tests of what reads headers, path and peer: the `Incoming` shape over a record of headers.

import type { Incoming, Peer } from "../../src/http/exchange.ts";

export function incomingWith(
  headers: Readonly<Record<string, string>>,
  peer: Peer = {},
  more: Partial<Pick<Incoming, "method" | "path" | "query">> = {},
): Incoming {
  return {
    method: "GET",
    path: "/",
    query: "",
    ...more,
    header: (name) => headers[name],
    readBody: () => Promise.resolve(new Uint8Array(0)),
    peer,
  };
}
