// Named traces without a thief: what networks, tabs, reloads, crashes and operators do to one jar. Each broke another
// design, or an earlier wording of ours. Owns the list; every one must end signed in.

import type { Trace } from "./trace-moves.ts";
import {
  confirm,
  confirmed,
  double,
  honest,
  land,
  owner,
  quarterHour,
  read,
  refresh,
  times,
  wait,
  whole,
  work,
  zone,
} from "./trace-moves.ts";
import { lifeMilliseconds, tickMilliseconds } from "./world.ts";

/** Every trace without a thief. */
export const faults: readonly Trace[] = [
  honest(
    {
      name: "lost answer",
      about: "the answer is lost, and the same attempt is asked for again a day later",
      breaks: "strict rotation; any leeway shorter than the wait",
    },
    ["key"],
    [refresh(), work(), wait(86_400_000), ...whole(), ...confirmed, quarterHour, ...whole()],
  ),
  honest(
    {
      name: "two tabs",
      about: "two tabs refresh at the same moment with keys of their own; the answers arrive in the wrong order",
      breaks: "compare-and-set alone; first sibling wins at once",
    },
    ["key", "key"],
    [refresh(0), refresh(1), work(0), work(0), land(1), refresh(1), land(0), work(0), land(0), zone, ...whole()],
  ),
  honest(
    {
      name: "zombie request",
      about: "a request is overtaken by its own retry and reaches the server after the retry's token was confirmed",
      breaks: "strict rotation, SuperTokens, Supabase (peers B2)",
    },
    ["key", "key"],
    [
      refresh(0),
      refresh(1),
      work(1),
      land(1),
      ...[confirm, work(1)],
      wait(tickMilliseconds),
      work(0),
      zone,
      ...whole(),
    ],
  ),
  honest(
    {
      name: "zombie replaces a sibling",
      about: "a late duplicate of the old token is answered after the first answer was stored",
      breaks: "one pending successor at a time (peers B3)",
    },
    ["key", "no key"],
    [refresh(0), refresh(1), work(0), land(1), wait(lifeMilliseconds), work(0), zone, ...whole()],
  ),
  honest(
    {
      name: "last answer wins the jar",
      about: "one tab goes on with its answer while the other's lands last",
      breaks: "confirming by use of an access token (peers B4)",
    },
    ["key", "key"],
    [
      refresh(0),
      refresh(1),
      work(0),
      work(0),
      land(0),
      refresh(0),
      work(1),
      confirm,
      work(2),
      land(0),
      zone,
      ...whole(),
    ],
  ),
  honest(
    {
      name: "reload storm",
      about: "five reloads in a row, each aborts the refresh of the one before",
      breaks: "designs that count generations (peers B5)",
    },
    ["key"],
    [...times(5, [refresh()]), work(0), work(0), land(3), work(0), work(0), land(2), work(0), zone, ...whole()],
  ),
  honest(
    {
      name: "Monday and Tuesday",
      about:
        "two answers are lost on Monday; on Tuesday both tabs ask again with their keys, one confirms and the other's answer lands last",
      breaks: "contending only once (an earlier wording of our rule)",
    },
    ["key", "key"],
    [
      refresh(0),
      refresh(1),
      work(0),
      work(0),
      wait(86_400_000),
      refresh(0),
      refresh(1),
      work(0),
      work(0),
      land(0),
      confirm,
      work(1),
      land(0),
      zone,
      ...whole(),
    ],
  ),
  honest(
    {
      name: "handed out again, late",
      about:
        "a doubled request gets the current token once more, its answer is slow, and another tab moves on two steps",
      breaks: "not counting row 4 as a hand-out (an earlier wording of our rule)",
    },
    ["key", "no key"],
    [
      refresh(0),
      double(0),
      work(0),
      land(1),
      confirm,
      work(1),
      work(0),
      refresh(1),
      work(1),
      land(1),
      confirm,
      work(1),
      land(0),
      zone,
      ...whole(),
    ],
  ),
  honest(
    {
      name: "server page without a key",
      about: "a page rendered on the server refreshes without a key beside a browser with one",
      breaks: "one attempt for everybody",
    },
    ["key", "no key"],
    [refresh(1), refresh(0), work(0), work(0), land(0), refresh(0), land(0), work(0), zone, ...whole(1), ...whole(0)],
  ),
  honest(
    {
      name: "crash between read and commit",
      about: "both requests read before either commits; one of them is swallowed by a crash",
      breaks: "check, then write, without a compare-and-set (peers B10)",
    },
    ["key", "no key"],
    [refresh(0), refresh(1), read(0), read(1), work(0), land(1), wait(lifeMilliseconds + tickMilliseconds), ...whole()],
  ),
  honest(
    {
      name: "many turns",
      about: "the session turns twenty times in a moment while one request is slow",
      breaks: "judging by a list of the last tokens that has an end",
    },
    ["key", "no key"],
    [refresh(1), ...times(20, [refresh(0), work(1), land(1), confirm, work(1)]), work(0), zone, ...whole()],
  ),
  honest(
    {
      name: "one lost write",
      about: "the store fails over and forgets the last write it acknowledged",
      breaks: "treating a newer token as theft (peers B9)",
    },
    ["key"],
    [...whole(), ...confirmed, quarterHour, ...whole(), { kind: "fail over" }, quarterHour, ...whole()],
  ),
  honest(
    {
      name: "switch to strict",
      about: "two-phase is switched to strict while the answers of two tabs are under way",
      breaks: "retiring at once what was handed out under other rules",
    },
    ["key", "key"],
    [
      refresh(0),
      refresh(1),
      work(0),
      work(0),
      { kind: "switch to strict" },
      owner,
      land(0),
      owner,
      land(0),
      zone,
      owner,
      owner,
    ],
  ),
];
