// The revocation feed over HTTP: read by polling, or as server-sent events (WHATWG HTML section 9.2). Owns who may read
// it, which cursor counts and what an answer looks like; who is told when is engine/revocation-feed.ts.

import { PawlError } from "../core/errors.ts";
import { bearerToken, isSameToken } from "./bearer.ts";
import type { Call, Endpoint, Parts } from "./endpoint.ts";
import { json } from "./endpoint.ts";
import type { Outgoing, StreamedBody } from "./exchange.ts";
import { CredentialsMissing } from "./problem.ts";
import { isDirectLocal } from "./proxy.ts";
import { createRevocationStreams, pageBody } from "./revocation-streams.ts";

/** Streams that one handler serves; each holds a connection, of which the adapter takes 10,000. */
export const feedListenersMaxDefault = 5000;

const eventStream = "text/event-stream";
/** What a HEAD request gets: a listener that nobody reads must not begin. */
const noStream: StreamedBody = { next: async () => undefined, end: () => {}, onStall: undefined };

/** `GET /auth/revocations`. */
export function feedEndpoints(parts: Parts): readonly Endpoint[] {
  const streams = createRevocationStreams(parts.sessions, parts.feedListenersMax);
  const work = async (call: Call): Promise<Outgoing> => {
    demandFeedAccess(parts, call);
    const cursor = cursorOf(call);
    if (!wantsEvents(call.incoming.header("accept"))) {
      return json(parts, 200, pageBody(await parts.sessions.revocations(cursor)));
    }
    // Proxies that collect an answer before they pass it on are told not to.
    const headers = [...parts.headers.empty, "content-type", eventStream, "x-accel-buffering", "no"];
    const body = call.incoming.method === "HEAD" ? noStream : await streams.open(cursor);
    return { status: 200, headers, body };
  };
  return [{ method: "GET", path: "/auth/revocations", gate: "none", body: "none", work }];
}

/** The cursor to go on from. A browser that reconnects repeats the URL of its beginning: the header is newer. */
function cursorOf({ incoming }: Call): string | undefined {
  const after = new URLSearchParams(incoming.query).getAll("after");
  if (after.length > 1) throw new PawlError("invalid_request", "after came twice", { field: "after" });
  const lastEvent = wantsEvents(incoming.header("accept")) ? incoming.header("last-event-id") : undefined;
  // An empty cursor is what a verifier sends that has none yet.
  return lastEvent || after[0] || undefined;
}

/** Only who names the type gets a stream: `*` is what clients send that would wait for its end. */
function wantsEvents(accept = ""): boolean {
  return accept.split(",").some((range) => range.split(";")[0]?.trim().toLowerCase() === eventStream);
}

function demandFeedAccess(parts: Parts, call: Call): void {
  const { feedToken } = parts;
  if (feedToken !== undefined) {
    const presented = bearerToken(call.incoming.header("authorization"));
    if (!isSameToken(presented, feedToken)) throw new PawlError("invalid_token", "The feed token is wrong.");
    return;
  }
  if (!isDirectLocal(call.incoming, parts.sessions.issuer)) throw new CredentialsMissing();
}
