// The HTTP suite against the node:http adapter, over real connections.

import { serveNode } from "../../src/adapters/node.ts";
import { createSessions } from "../../src/engine/create-sessions.ts";
import type { Sessions } from "../../src/engine/types.ts";
import { createHandler } from "../../src/http/handler.ts";
import { memoryStore } from "../../src/stores/memory.ts";
import { httpSuite, sendOverHttp } from "../../src/testing/http-suite.ts";

httpSuite("serveNode", {
  async start({ sessions: policy, handler: options }) {
    let sessions: Sessions | undefined;
    const serving = await serveNode(async (port) => {
      const issuer = policy.issuer ?? `http://localhost:${port}`;
      sessions = await createSessions({ store: memoryStore(), ...policy, issuer });
      return createHandler({ sessions, ...options });
    });
    return {
      sessions: sessions as unknown as Sessions,
      send: (request) => sendOverHttp(`http://localhost:${serving.port}`, request),
      close: async () => {
        await serving.close();
        await sessions?.close();
      },
    };
  },
});
