// Named traces with a thief, who has a copy of the jar and no attempt key of its owner. Each breaks another design, or an
// earlier wording of ours. Owns the list and how each must end.

import type { Trace } from "./trace-moves.ts";
import {
  closing,
  copy,
  halfZone,
  owner,
  ownerConfirms,
  ownerLoses,
  quarterHour,
  robbed,
  soon,
  thief,
  times,
  wait,
  zone,
} from "./trace-moves.ts";

/** Every trace with a thief. */
export const thefts: readonly Trace[] = [
  robbed(
    {
      name: "thief first",
      about: "a thief uses a copy before its owner does, and goes on",
      breaks: "accepting the predecessor always (Supabase)",
    },
    ["key"],
    "revoked",
    [copy, thief(), quarterHour, owner, quarterHour, owner, thief("key", 0), zone, thief("key", 0)],
  ),
  robbed(
    {
      name: "owner first",
      about: "the owner refreshes and confirms; a thief tries the used copy later",
      breaks: "accepting the predecessor always (Supabase)",
    },
    ["key"],
    "revoked",
    [copy, owner, ownerConfirms, quarterHour, thief()],
  ),
  robbed(
    {
      name: "thief in lockstep",
      about: "a thief refreshes two seconds before the owner, again and again",
      breaks: "the same successor for everybody in a window (peers B1)",
    },
    ["key"],
    "revoked",
    [copy, thief(), soon, owner, quarterHour, thief("key", 1), soon, owner],
  ),
  robbed(
    {
      name: "lockstep without keys",
      about: "neither sends a key, and the thief follows the owner by two seconds",
      breaks: "sharing one attempt without a limit (an earlier wording of our rule)",
    },
    ["no key"],
    "revoked",
    [
      copy,
      owner,
      soon,
      thief("no key"),
      quarterHour,
      owner,
      soon,
      thief("no key", 1),
      quarterHour,
      owner,
      soon,
      thief("no key", 2),
      quarterHour,
      owner,
      soon,
      thief("no key", 3),
    ],
  ),
  robbed(
    {
      name: "thief who polls",
      about: "a thief presents the stolen token every half minute and never anything else",
      breaks: "a contention that every hand-out prolongs",
    },
    ["key"],
    "revoked",
    [
      copy,
      ...times(6, [thief(), halfZone]),
      owner,
      ...times(2, [thief(), halfZone, owner]),
      thief(),
      halfZone,
      owner,
      ownerConfirms,
      zone,
      thief(),
    ],
  ),
  robbed(
    {
      name: "kept from a successor",
      about: "a thief polls so that the owner always comes when nothing more is handed out",
      breaks: "closing every crowded burst (an earlier wording of our rule let him stay for a week)",
    },
    ["key"],
    "revoked",
    [
      copy,
      thief(),
      halfZone,
      thief(),
      closing,
      owner,
      wait(855_000),
      thief(),
      halfZone,
      thief(),
      closing,
      owner,
      quarterHour,
      owner,
      zone,
      thief(),
    ],
  ),
  robbed(
    {
      name: "thief first, then silent",
      about: "a thief uses the copy once and stops; it looks like a lost answer until the owner goes on",
      breaks: "nothing: the price of forgiving lost answers (peers B8)",
    },
    ["key"],
    "revoked",
    [copy, thief(), quarterHour, owner, ownerConfirms, zone, thief("key", 0)],
  ),
  robbed(
    {
      name: "ancient token",
      about: "somebody finds a token that was replaced long ago",
      breaks: "forgetting old generations (peers B7)",
    },
    ["key"],
    "revoked",
    [copy, ...times(3, [owner, ownerConfirms, quarterHour]), thief()],
  ),
  robbed(
    {
      name: "late thief in the soft zone",
      about: "a thief presents a token right after it was retired: no token, no verdict",
      breaks: "a leeway that hands out (Auth0, Okta, Hydra)",
    },
    ["key"],
    "thief out",
    [copy, owner, ownerConfirms, soon, thief()],
  ),
  robbed(
    {
      name: "lost answer beside a thief",
      about:
        "the owner's answer is lost and the thief has acted meanwhile; one sibling wins, the other gives itself away",
      breaks: "two live chains (Hydra grace)",
    },
    ["key"],
    "revoked",
    [copy, ownerLoses, quarterHour, thief(), quarterHour, owner, ownerConfirms, quarterHour, thief("key", 0)],
  ),
];
