// The words of the token lab: what each answer means, and what a token would get now.
// Owns no state and no markup.

import type { LabRow, Prediction, Standing } from "./lab-model.ts";
import type { Exchange, Outcome } from "./lab-session.ts";
import { spanOf } from "./words.ts";

/** How an answer feels: good, wait, over, or nothing special. */
export type Tone = "go" | "hold" | "stop" | "plain";

/** An answer in words. */
export interface Telling {
  readonly tone: Tone;
  readonly what: string;
  readonly means: string;
}

/** What `exchange` was and what it means. */
export function tell(exchange: Exchange, softZoneMilliseconds: number): Telling {
  const { generation } = exchange;
  const zone = spanOf(softZoneMilliseconds);
  const tellings: Readonly<Record<Outcome, Telling>> = {
    started: {
      tone: "plain",
      what: "Generation 0 is current.",
      means: "Refresh hands out its successor. Watch what becomes of the old token.",
    },
    rotated: {
      tone: "go",
      what: `Rotated: generation ${generation}.`,
      means: "The token before it stays current until this one is used or confirmed: a lost answer signs nobody out.",
    },
    identical: {
      tone: "go",
      what: `Identical successor: generation ${generation}.`,
      means: "Same token, same key, same successor: a retry forks nothing, and a lost answer can be asked for again.",
    },
    sibling: {
      tone: "hold",
      what: `A sibling of generation ${generation}.`,
      means: `The server has not heard that the successor arrived, so the old token still counts. It saw two attempts: for ${zone} neither wins.`,
    },
    settled: {
      tone: "hold",
      what: "Settled: an access token, no refresh token.",
      means: "Two answers may still be under way. The client keeps the refresh token it has; nobody has won yet.",
    },
    confirmed: {
      tone: "go",
      what: `Confirmed: generation ${generation} is current.`,
      means: `Its predecessor is retired. For ${zone} it may be a late request and gets 409; after that it is reuse.`,
    },
    unchanged: {
      tone: "plain",
      what: "Nothing to confirm.",
      means: "This token is current already, or two attempts are still under way.",
    },
    superseded: {
      tone: "hold",
      what: `Superseded: generation ${generation} was retired a moment ago.`,
      means: "It may be a late request of the owner. No token and no verdict: retry with the newer one.",
    },
    reused: {
      tone: "stop",
      what: `Caught: generation ${generation} was used before.`,
      means:
        "A used token came back, and not as a late request. The server ended this session, for the thief and for the owner.",
    },
    over: { tone: "stop", what: "This session is over.", means: "Somebody ended it. Start the lab again to go on." },
    accepted: { tone: "plain", what: "The access token is accepted.", means: "The session lives." },
    refused: {
      tone: "stop",
      what: "The access token is refused as well.",
      means: "It had not expired. Ending a session reaches access tokens at once.",
    },
    failed: {
      tone: "hold",
      what: "No verdict.",
      means: "The server did not answer, or asked to wait. The session is kept; try again.",
    },
  };
  return tellings[exchange.outcome];
}

const standings: Readonly<Record<Standing, readonly [string, Tone]>> = {
  current: ["current", "go"],
  "handed-out": ["handed out", "hold"],
  retired: ["retired", "plain"],
  dead: ["dead sibling", "stop"],
  over: ["session over", "stop"],
};

/** Where a token stands, in words. */
export function standingOf(row: LabRow): readonly [string, Tone] {
  return standings[row.standing];
}

const predictions: Readonly<Record<Prediction, string>> = {
  rotated: "the next token",
  sibling: "a sibling",
  settled: "an access token only",
  superseded: "409",
  reused: "401, session ended",
  over: "401",
};

/** What presenting a token would get now, and until when. */
export function predictionOf(row: LabRow): string {
  const { prediction, changesInMilliseconds } = row;
  if (changesInMilliseconds === undefined) return predictions[prediction];
  const left = spanOf(changesInMilliseconds);
  return prediction === "superseded" ? `409 for ${left}, then 401` : `${predictions[prediction]} for ${left}`;
}

/** What the button "Replay the previous token" would do now. */
export function forecastOf(row: LabRow | undefined): string {
  if (row === undefined) return "Refresh once, then there is an older token to replay.";
  const name = `Generation ${row.generation}`;
  switch (row.prediction) {
    case "rotated":
    case "sibling":
      return `${name} is still current at the server: a replay gets a sibling. Confirm the newest token to retire it.`;
    case "settled":
      return `Two attempts are under way: a replay of generation ${row.generation} gets an access token only.`;
    case "superseded":
      return `${name} is retired: a replay gets 409 for ${spanOf(row.changesInMilliseconds ?? 0)} more, then it is caught.`;
    case "reused":
      return `${name} is long retired: a replay is caught and ends this session.`;
    case "over":
      return "This session is over.";
  }
}
