// Bugs that the explorer must find, each by its name: what such a bug looks like in the source, and where the explorer
// meets it. A net that has never caught anything proves nothing. Owns the list; sim/plant.ts plants and hunts.

/** One change of a source file. */
export interface Edit {
  readonly file: string;
  /** Occurs exactly once. */
  readonly from: string;
  readonly to: string;
}

/** Where a bug is hunted: in one scenario, up to so many states, or in one named trace. */
export type Place = { readonly scenario: string; readonly states?: number } | { readonly trace: string };

/** A bug to plant. */
export interface Bug {
  readonly name: string;
  readonly edits: readonly Edit[];
  /** The scenario or named trace that finds it. */
  readonly foundBy: Place;
  /** Scenarios whose search finds it as well: none may rest on a hand-written trace alone. */
  readonly alsoIn?: readonly string[];
}

const decideFile = "src/core/decide.ts";
const decide = (from: string, to: string): Edit => ({ file: decideFile, from, to });
const rotation = (from: string, to: string): Edit => ({ file: "src/engine/rotation.ts", from, to });

/** Enough for what every search of a scenario with a thief must find. */
const huntedStates = 60_000;

/** Every bug, with the first place where it is found. */
const kinds: readonly Bug[] = [
  {
    name: "siblings do not die",
    edits: [
      decide(
        "generation === record.generation && sameBytes(facts.ownHash, record.currentHash)",
        "generation === record.generation",
      ),
    ],
    foundBy: { trace: "thief in lockstep" },
    alsoIn: [
      "thief at his own pace",
      "thief in lockstep",
      "thief without a key",
      "owner without a key",
      "nobody confirms",
      "own pace, losses",
      "lockstep, losses",
    ],
  },
  {
    name: "link not checked",
    edits: [decide("ahead === 1 && isDescendant(facts, 0)", "ahead === 1")],
    foundBy: { scenario: "one key" },
  },
  {
    name: "contended rule dropped",
    edits: [
      decide(
        "if (isContended(record.handOut, now, policy) && isOf",
        "if (false && isContended(record.handOut, now, policy) && isOf",
      ),
    ],
    foundBy: { scenario: "own keys" },
  },
  {
    name: "later bursts are not contended",
    edits: [decide('handOut.arrived !== "earlier" &&', "handOut.crowdedBursts === 1 &&")],
    foundBy: { trace: "Monday and Tuesday" },
  },
  {
    name: "every contended burst is protected, whatever has arrived",
    edits: [
      decide('handOut.arrived !== "earlier" &&', ""),
      decide("return token.expiresAt === handOut.expiresAt;", "return true;"),
      decide('handOut.crowdedBursts === 1 ? !isNear(now, handOut.firstAt, zone) : handOut.arrived !== "no"', "false"),
    ],
    foundBy: { trace: "thief who polls" },
  },
  {
    name: "later bursts close like the first",
    edits: [
      decide(
        'handOut.crowdedBursts === 1 ? !isNear(now, handOut.firstAt, zone) : handOut.arrived !== "no"',
        "!isNear(now, handOut.firstAt, zone)",
      ),
    ],
    foundBy: { trace: "kept from a successor" },
  },
  {
    name: "settling answer counted as a hand-out",
    edits: [
      decide(
        'if (takesNoMore(facts)) return { outcome: "settle" };',
        'if (takesNoMore(facts)) return { outcome: "settle", next: { ...record, version: record.version + 1, handOut: nextBurst(record, facts.now, facts.policy, facts.ring) } };',
      ),
    ],
    foundBy: { trace: "thief who polls" },
  },
  {
    name: "handing out again not counted",
    edits: [decide("if (isHandedOutAgain(record, now, policy)) return settle(facts, undefined);", "")],
    foundBy: { trace: "handed out again, late" },
  },
  {
    name: "no-key attempt with a sliding window",
    edits: [
      decide(
        "if (usable !== undefined) return { ...usable, isShared: true };",
        "if (usable !== undefined) return { ...usable, firstUsedAt: facts.now, isShared: true };",
      ),
    ],
    foundBy: { scenario: "no key" },
  },
  {
    name: "no-key attempt without the two-generation limit",
    edits: [decide(" || kept.sharedBefore >= sharedGenerationsMax", "")],
    foundBy: { trace: "lockstep without keys" },
    alsoIn: ["no keys", "no keys, no confirm", "no keys, losses"],
  },
  {
    name: "soft zone dropped",
    edits: [decide("return isSuperseded(facts) ?", "return false ?")],
    foundBy: { scenario: "mixed" },
  },
  {
    name: "soft zone of one grace",
    edits: [decide("return 2 * policy.graceSeconds * 1000;", "return policy.graceSeconds * 1000;")],
    foundBy: { scenario: "own keys" },
  },
  {
    name: "full-list rule dropped",
    edits: [decide("Math.min(stepsBack, retiredTimesMax) - 1", "stepsBack - 1")],
    foundBy: { trace: "many turns" },
  },
  {
    name: "lost write accepted without the second link",
    edits: [decide("ahead === 2 && isDescendant(facts, 1)", "ahead === 2")],
    foundBy: { scenario: "one key" },
  },
  {
    name: "lost write not survived",
    edits: [decide("ahead === 2 && isDescendant(facts, 1)", "false")],
    foundBy: { scenario: "failover" },
  },
  {
    name: "compare-and-set dropped",
    edits: [
      {
        file: "src/stores/memory.ts",
        from: "if (stored?.version !== expectedVersion) return false;",
        to: "if (stored === undefined) return false;",
      },
    ],
    foundBy: { scenario: "revocation" },
  },
  {
    name: "revocation written after the answer",
    edits: [
      rotation(
        "if (await store.commit(next, record.version, revocation)) return { decision, record: next, now, signing };",
        "const written = store.commit(next, record.version, revocation);\n    if (ends || (await written)) return { decision, record: next, now, signing };",
      ),
    ],
    foundBy: { trace: "owner first" },
  },
  {
    name: "generations compared by time",
    edits: [
      decide(
        "if (generation > record.generation) return decideNewer(facts);",
        "if (presented.token.expiresAt > record.currentExpiresAt) return decideNewer(facts);",
      ),
    ],
    foundBy: { scenario: "one key" },
  },
  {
    name: "session id kept over a password change",
    edits: [
      {
        file: "src/http/sign-in-endpoints.ts",
        from: 'await parts.sessions.revokeAll(subject, "password_change");',
        to: 'await parts.sessions.revokeAll(subject, "password_change", record.sid);\n  if (record !== undefined) return sessionResponse(parts, await parts.sessions.reauthenticate(record.sid), user, "cookie");',
      },
    ],
    foundBy: { scenario: "sign-in and password" },
  },
  {
    name: "cookie deleted by a refresh verdict",
    edits: [
      {
        file: "src/http/rotation-endpoints.ts",
        from: "const grant = await firstAccepted(tokens, (token) => parts.sessions.refresh(presentInput(call, token)));",
        to: 'const grant = await firstAccepted(tokens, (token) => parts.sessions.refresh(presentInput(call, token))).catch((error: unknown) => error as PawlError);\n  if (grant instanceof PawlError) {\n    const refusal = empty(parts, 401 as 204);\n    refusal.headers.push("set-cookie", parts.cookies.deletion);\n    return refusal;\n  }',
      },
    ],
    foundBy: { scenario: "sign-in and password" },
  },
];

/** Every bug, once for each place where it is found. */
export const bugs: readonly Bug[] = kinds.flatMap((bug) => [
  bug,
  ...(bug.alsoIn ?? []).map((scenario) => ({
    ...bug,
    name: `${bug.name}, in ${scenario}`,
    foundBy: { scenario, states: huntedStates },
  })),
]);
