// The HTTP suite against `handler.fetch`, without any server.

import { createSessions } from "../../src/engine/create-sessions.ts";
import { createHandler } from "../../src/http/handler.ts";
import { memoryStore } from "../../src/stores/memory.ts";
import { httpSuite } from "../../src/testing/http-suite.ts";

httpSuite("handler.fetch", {
  async start({ sessions: policy, handler: options }) {
    const issuer = policy.issuer ?? "http://localhost:4000";
    const sessions = await createSessions({ store: memoryStore(), ...policy, issuer });
    const handler = createHandler({ sessions, ...options });
    return {
      sessions,
      send: ({ method, path, headers, body }) => {
        const init = { method, headers: { host: new URL(issuer).host, ...headers } };
        const request = new Request(
          `${issuer}${path}`,
          body === undefined ? init : { ...init, body: body as BodyInit },
        );
        // A body of text gets a content type that no test asked for.
        if (headers?.["content-type"] === undefined) request.headers.delete("content-type");
        return handler.fetch(request, { address: "127.0.0.1" });
      },
      close: () => sessions.close(),
    };
  },
});
