// A server that was killed between the change of an account and the end of its sessions: the next start finishes it.

import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { sqliteStore } from "../../../src/stores/sqlite.ts";
import { register, send, serve } from "../program.ts";

test("left-over endings are finished before the ready line", async () => {
  const first = await serve();
  const { user, refresh_token } = await register(first);
  await first.stop("SIGKILL");
  const store = sqliteStore(join(first.folder, "data", "pawl.db"));
  await store.open();
  const value = JSON.stringify({ reason: "password_change", at: Date.now() });
  await store.writeDocuments([{ key: `endings/${user.id}`, expectedVersion: 0, value }]);
  await store.close();
  const second = await serve([], { folder: first.folder });
  const answer = await send(second, "POST", "/auth/refresh", { body: { refresh_token } });
  assert.deepEqual([answer.status, answer.json.code], [401, "session_revoked"]);
  await second.stop();
});
