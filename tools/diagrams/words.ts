// The words beside the arrows: who asks for what, and what the answer means to somebody who reads this the first time.
// Owns the sentences. An answer is told from what the engine did, never from what the trace expects.

import type { Reply } from "../../sim/explorer/server.ts";
import type { Trace } from "../../sim/explorer/traces.ts";
import type { World } from "../../sim/explorer/world.ts";
import type { Names } from "./names.ts";
import type { Lane, Line } from "./story.ts";

/** A sentence begins with a capital. */
export function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

/** One request. `key` is left out where it does not matter. */
export function askWords(from: Lane, operation: "refresh" | "confirm", token: string, key: string | undefined): Line {
  const what = operation === "confirm" ? `confirms that ${token} arrived` : `refreshes with ${token}`;
  const how = operation === "confirm" || key === undefined ? "" : `, ${key}`;
  return { text: `${capital(from)} ${what}${how}`, tone: "plain" };
}

/** What is answered, and what is known about it. */
export interface Answered {
  readonly from: Lane;
  readonly operation: "refresh" | "confirm";
  readonly world: World;
  readonly reply: Reply;
  /** The token presented, by name. */
  readonly token: string;
  /** True when it was ahead of current: its use confirms it. */
  readonly isAhead: boolean;
  /** True when the token handed out had been handed out before. */
  readonly isSame: boolean;
}

/** One answer. */
export function answerWords(answered: Answered, names: Names): Line {
  const { from, reply, token, operation, isAhead, isSame, world } = answered;
  if (operation === "confirm") return confirmWords(token, reply, world);
  const given = reply.token === undefined ? "" : names.token(reply.token);
  // Green is kept for the owner: what serves a thief is no good news.
  const good = from === "thief" ? "plain" : "good";
  switch (reply.code) {
    case "rotated": {
      const confirmed = isAhead ? `${token} is confirmed; ` : "";
      return { text: `→ ${confirmed}${isSame ? "the same" : "new"} token ${given}`, tone: good };
    }
    case "handed_out_again":
      return { text: `→ the current token ${given} once more`, tone: good };
    case "settled":
      return { text: `→ access token only: ${isAhead ? "nobody has won yet" : "no more for now"}`, tone: "waits" };
    case "refresh_token_superseded":
      return {
        text: from === "thief" ? "→ 409: no token, no verdict" : "→ 409: ask again with what the jar holds",
        tone: "waits",
      };
    case "refresh_token_reused":
      return { text: "→ reuse: session revoked", tone: "refused" };
    default:
      throw new Error(`no words for ${reply.code}`);
  }
}

function confirmWords(token: string, reply: Reply, world: World): Line {
  if (reply.code !== "confirmed") throw new Error(`no words for a confirm that gets ${reply.code}`);
  if (reply.record.generation > world.record.generation) return { text: `→ ${token} is confirmed`, tone: "good" };
  const noted = reply.writes > 0 ? "noted that an answer arrived; " : "";
  return { text: `→ ${noted}nobody has won yet`, tone: "waits" };
}

/** The end, as the banner says it. */
export const endWords: Readonly<Record<Trace["end"], string>> = {
  "signed in": "Signed in: the session goes on",
  revoked: "Session revoked: reuse was noticed",
  "thief out": "The session goes on: the thief got nothing",
};
