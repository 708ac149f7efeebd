// One sign-in: whoever signs out while it is under way is signed out, here and at the server, whatever of it got lost.
// Takes no turn; turnstile.ts does.

import type { Attempts } from "./attempt.ts";
import type { Credential } from "./credential.ts";
import { ClientError } from "./error.ts";
import { type Holding, idOf } from "./holding.ts";
import type { Leaving } from "./leaving.ts";
import type { Answer, Call, Transport } from "./transport.ts";
import type { User } from "./types.ts";

/** Composes the parts. `isCurrent` says whether nobody has signed out since. */
export function createEntering(
  transport: Transport,
  credential: Credential,
  attempts: Attempts,
  leaving: Leaving,
  holding: Holding,
): (call: Call, isCurrent: () => boolean) => Promise<User> {
  return async (call, isCurrent) => {
    const askedAt = performance.now();
    const answer = await transport.send(call).catch((error) => {
      if (isCurrent()) throw error;
      return {} as Answer;
    });
    await credential.keep(answer);
    // Signed out meanwhile: sign-out wins, here and (the jar may hold the new session now) at the server.
    if (!isCurrent()) {
      await leaving.tell(idOf(answer));
      throw new ClientError("signed_out");
    }
    await leaving.done();
    await attempts.done();
    return holding.adopt(answer, askedAt);
  };
}
