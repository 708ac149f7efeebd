// Tokens of a secret that this process was not given: no verdict while the store cannot say whether it knows the secret.

import assert from "node:assert/strict";
import { test } from "node:test";
import { PawlError } from "../../src/core/errors.ts";
import type { Store } from "../../src/core/ports.ts";
import { createSessions } from "../../src/engine/create-sessions.ts";
import { memoryStore } from "../../src/stores/memory.ts";
import { createSimulatedPlatform } from "../../src/testing/simulated.ts";

const [older, newer] = [1, 2].map((fill) => Buffer.alloc(32, fill).toString("base64url")) as [string, string];

test("everybody who asks after a reading that failed is told to retry, not only the first", async () => {
  let isAway = false;
  const memory = memoryStore();
  const store: Store = {
    ...memory,
    readDocument: async (key) => {
      if (isAway) throw new PawlError("store_unavailable", "away");
      return memory.readDocument(key);
    },
    close: async () => {},
  };
  const platform = createSimulatedPlatform();
  const unaware = await createSessions({ store, platform, secret: older });
  const aware = await createSessions({ store, platform, secret: `${newer},${older}` });
  const { refreshToken = "" } = await aware.issue({ subject: "ann", transport: "body" });
  isAway = true;
  const present = (): Promise<unknown> =>
    assert.rejects(unaware.refresh({ refreshToken }), { code: "store_unavailable" });
  await Promise.all([present(), present()]);
  await present();
  isAway = false;
  platform.clock.advance(1_000);
  // From here on the store says that it knows the secret, which is no verdict either.
  await present();
  await unaware.close();
  const answer = await aware.refresh({ refreshToken });
  assert.equal(answer.outcome, "rotated");
  await aware.close();
});
