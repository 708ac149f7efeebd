// What the HTTP suite tests when there is no server: `handler.fetch` over a store of the caller's choice.

import type { Store } from "../../src/core/ports.ts";
import { createSessions } from "../../src/engine/create-sessions.ts";
import { createHandler } from "../../src/http/handler.ts";
import type { SuiteSubject } from "../../src/testing/http-suite-target.ts";

/** Starts instances, each over a fresh store and under the secret that it needs. */
export function fetchSubject(createStore: () => Promise<Store>, secret?: string): SuiteSubject {
  return {
    async start({ sessions: policy, handler: options }) {
      const issuer = policy.issuer ?? "http://localhost:4000";
      const given = secret === undefined ? {} : { secret };
      const sessions = await createSessions({ store: await createStore(), ...given, ...policy, issuer });
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
  };
}
