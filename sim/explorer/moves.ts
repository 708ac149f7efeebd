// Everything that can happen next in a world, and what the world is after it. Losing is not a move: what is never
// delivered within the life of a request is lost, and so is what a crash of the server swallowed.
// Owns the moves of clients, network, server and thief; judges only what a single answer shows (judge.ts the rest).

import type { SessionRecord } from "../../src/core/record.ts";
import type { Lineage } from "./lineage.ts";
import { standingOf } from "./lineage.ts";
import { countedFor, judgeRound, kept, pruned } from "./score.ts";
import type { Presented, Reply, Server } from "./server.ts";
import type { Flight, Lane, Scenario, Thief, Violation, World } from "./world.ts";
import { graceSeconds, lifeMilliseconds, tickMilliseconds, zoneMilliseconds } from "./world.ts";

/** One move; `flight`, `lane` and `token` are positions in the world it is made in. */
export type Move =
  | { readonly kind: "send"; readonly lane: number; readonly operation: "refresh" | "confirm" }
  | { readonly kind: "double" | "process" | "read" | "land"; readonly flight: number }
  | { readonly kind: "round"; readonly lane: number; readonly operation: "refresh" | "confirm"; readonly lost: boolean }
  | { readonly kind: "wait"; readonly milliseconds: number }
  | { readonly kind: "fail over" | "switch to strict" | "revoke" | "copy the jar" }
  | {
      readonly kind: "thief";
      readonly token: number;
      readonly lane: Lane;
      readonly operation: "refresh" | "confirm";
    };

/** What a move led to. */
export interface Step {
  readonly world: World;
  readonly violation: Violation | undefined;
  /** The answer of the server, where one was given. */
  readonly reply: Reply | undefined;
}

/** What the moves need to be made. */
export interface Stage {
  readonly server: Server;
  readonly lineage: Lineage;
  readonly scenario: Scenario;
  /** The server's answers are functions of what is presented, so each is asked for once. */
  readonly replies: Map<string, Reply>;
  /** Questions the server was really asked. */
  asked: number;
}

const nothing = { violation: undefined, reply: undefined } as const;
const waits = [tickMilliseconds, zoneMilliseconds];
/** Half a soft zone ends the attempt of requests without a key. */
const waitsWithThief = [zoneMilliseconds / 2, zoneMilliseconds];

/** Every move that can be made in `world`. */
export function movesIn(stage: Stage, world: World): Move[] {
  const { scenario } = stage;
  const moves: Move[] = [];
  if (world.record.ended !== undefined && world.flights.length === 0) return moves;
  if (scenario.atomic) moves.push(...roundsIn(stage, world));
  else moves.push(...flightsIn(stage, world));
  for (const milliseconds of scenario.thief === undefined ? waits : waitsWithThief) {
    moves.push({ kind: "wait", milliseconds });
  }
  if (world.left.failovers > 0 && world.before !== undefined) moves.push({ kind: "fail over" });
  if (world.left.switches > 0 && world.flights.every((each) => each.phase === "answer"))
    moves.push({ kind: "switch to strict" });
  if (world.left.revocations > 0) moves.push({ kind: "revoke" });
  if (scenario.thief !== undefined) moves.push(...thiefsIn(stage, world));
  return moves;
}

/** True when confirming what the jar holds can change anything: it is ahead of current. */
function isAhead(stage: Stage, world: World): boolean {
  return standingOf(stage.lineage, world.record, world.jar).behind < 0;
}

function operationsIn(stage: Stage, world: World): readonly ("refresh" | "confirm")[] {
  return stage.scenario.confirms && isAhead(stage, world) ? ["refresh", "confirm"] : ["refresh"];
}

function flightsIn(stage: Stage, world: World): Move[] {
  const { scenario } = stage;
  const moves: Move[] = [];
  const roomy = world.flights.length < scenario.flightsMax;
  // Strict forgives no lost answer and no second tab: after the switch the owner's own requests go well.
  if (world.mode === "strict") moves.push(...roundsIn(stage, world));
  else if (roomy) {
    for (const operation of operationsIn(stage, world)) {
      for (const lane of scenario.lanes.keys()) {
        // A confirm carries no attempt: which lane sends it makes no difference.
        if (operation === "refresh" || lane === 0) moves.push({ kind: "send", lane, operation });
      }
    }
  }
  for (const [flight, { phase }] of world.flights.entries()) {
    if (phase === "answer") moves.push({ kind: "land", flight });
    else moves.push({ kind: "process", flight });
    if (phase !== "request") continue;
    if (scenario.split) moves.push({ kind: "read", flight });
    if (world.left.doubles > 0 && roomy) moves.push({ kind: "double", flight });
  }
  return moves;
}

function roundsIn(stage: Stage, world: World): Move[] {
  const { scenario } = stage;
  const { thief } = world;
  if (scenario.thief?.pace === "own" && thief !== undefined) {
    const since = world.at - Math.max(thief.actedAt, thief.ownerGotAt);
    if (since < zoneMilliseconds) return [];
  }
  return operationsIn(stage, world).flatMap((operation) =>
    [...scenario.lanes.keys()].flatMap((lane): Move[] => {
      if (operation === "confirm" && lane !== 0) return [];
      const round: Move = { kind: "round", lane, operation, lost: false };
      const isLosable = operation === "refresh" && world.left.losses > 0 && world.mode === "two-phase";
      return isLosable ? [round, { ...round, lost: true }] : [round];
    }),
  );
}

function thiefsIn(stage: Stage, world: World): Move[] {
  const plan = stage.scenario.thief;
  const { thief } = world;
  if (plan === undefined) return [];
  if (thief === undefined) return [{ kind: "copy the jar" }];
  if (plan.pace === "own" && (world.at - thief.ownerActedAt < zoneMilliseconds || thief.actedSince)) return [];
  return thief.tokens.flatMap((text, token): Move[] => {
    const moves: Move[] = plan.lanes.map((lane) => ({ kind: "thief", token, lane, operation: "refresh" }));
    const ahead = standingOf(stage.lineage, world.record, text).behind < 0;
    return ahead ? [...moves, { kind: "thief", token, lane: "key", operation: "confirm" }] : moves;
  });
}

/** Makes a move. */
export async function make(stage: Stage, world: World, move: Move): Promise<Step> {
  switch (move.kind) {
    case "send":
      return { ...nothing, world: sent(stage, world, move.lane, move.operation) };
    case "double": {
      const left = { ...world.left, doubles: world.left.doubles - 1 };
      return { ...nothing, world: { ...world, flights: [...world.flights, flightAt(world, move.flight)], left } };
    }
    case "read": {
      const held: Flight = { ...flightAt(world, move.flight), phase: "held", read: world.record, readAt: world.at };
      return { ...nothing, world: { ...world, flights: world.flights.with(move.flight, held) } };
    }
    case "process":
      return await processed(stage, world, move.flight);
    case "land":
      return { ...nothing, world: landed(stage, world, move.flight) };
    case "round":
      return await round(stage, world, move);
    case "wait":
      return { ...nothing, world: waited(world, move.milliseconds) };
    case "thief":
      return await stolen(stage, world, move);
    default:
      return { ...nothing, world: await changed(stage, world, move.kind) };
  }
}

function flightAt(world: World, position: number): Flight {
  return world.flights[position] as Flight;
}

/** A request of `lane` on its way, with what the jar holds now. */
function sent(stage: Stage, world: World, lane: number, operation: "refresh" | "confirm"): World {
  const flight = { phase: "request", operation, token: world.jar, lane, sentAt: world.at } as const;
  if (operation === "confirm" || stage.scenario.lanes[lane] === "no key") {
    return { ...world, flights: [...world.flights, { ...flight, key: undefined }] };
  }
  const key = world.keys[lane] ?? drawKey(world, lane);
  return { ...world, keys: world.keys.with(lane, key), flights: [...world.flights, { ...flight, key }] };
}

/** The thief's position among those who draw keys. */
const thiefsLane = 9;

/**
 * A key that nobody in the world holds. It depends on the record and not on the path that led to it, so that the same
 * question is the same question again; a key that was good for a hand-out is never drawn twice, since that changed the
 * record.
 */
function drawKey(world: World, lane: number): string {
  for (let count = 0; ; count += 1) {
    const key = `attempt-key-${identity(world.record)}-${lane}-${count}`;
    if (!world.keys.includes(key) && world.flights.every((each) => each.key !== key)) return key;
  }
}

/** Answers that are remembered; then they are forgotten and asked for again. */
const repliesMax = 100_000;

/** Asks the server, once for each different question. */
async function ask(stage: Stage, call: Presented): Promise<Reply> {
  const { record, mode, at, operation, token, key, stale } = call;
  const question = `${identity(record)} ${stale === undefined ? "" : `${identity(stale.record)} ${stale.readAt}`} ${mode} ${at} ${operation} ${key} ${token}`;
  const before = stage.replies.get(question);
  if (before !== undefined) return before;
  const reply = await stage.server.present(call);
  stage.asked += 1;
  if (stage.replies.size >= repliesMax) stage.replies.clear();
  stage.replies.set(question, reply);
  if (reply.token !== undefined) {
    const { serverAttempt } = reply.record;
    const own = serverAttempt === undefined ? "" : Buffer.from(serverAttempt.value).toString("hex");
    stage.lineage.note(reply.token, token, key === undefined ? `s:${own}` : `c:${key}`, at);
  }
  return reply;
}

const identities = new WeakMap<SessionRecord, number>();
let identitiesUsed = 0;

function identity(record: SessionRecord): number {
  const known = identities.get(record) ?? ++identitiesUsed;
  identities.set(record, known);
  return known;
}

/** The world after the server worked on a request, and what that answer shows. */
async function processed(stage: Stage, world: World, position: number): Promise<Step> {
  const flight = flightAt(world, position);
  const reply = await ask(stage, {
    ...flight,
    mode: world.mode,
    record: world.record,
    at: world.at,
    deadlineAt: flight.sentAt + graceSeconds * 1000,
    ...(flight.read === undefined ? {} : { stale: { record: flight.read, readAt: flight.readAt ?? world.at } }),
  });
  const rest = world.flights.toSpliced(position, 1);
  // An answer that changes nothing at the client need not be carried any further.
  const matters = reply.token !== undefined || (reply.code === "settled" && flight.key !== undefined);
  const { read: _, readAt: __, ...plain } = flight;
  const answer: Flight = { ...plain, phase: "answer", gives: reply.token };
  const next = { ...afterWrite(world, reply), flights: matters ? [...rest, answer] : rest };
  return { world: next, reply, violation: judgeReply(stage, world, reply, flight) };
}

function afterWrite(world: World, reply: Reply): World {
  const before = reply.writes > 0 ? world.record : world.before;
  return { ...world, record: reply.record, before };
}

/** What the server drew for requests without a key must not outlive grace, or a patient thief gets the owner's token. */
function outlivesGrace(stage: Stage, key: string | undefined, reply: Reply, decidedAt: number): boolean {
  if (key !== undefined || reply.token === undefined) return false;
  const { attempt, at } = stage.lineage.known(reply.token).descent;
  return attempt.startsWith("s:") && decidedAt - at >= graceSeconds * 1000;
}

/** What one answer shows by itself. */
function judgeReply(
  stage: Stage,
  world: World,
  reply: Reply,
  { key, readAt }: Pick<Flight, "key" | "readAt">,
): Violation | undefined {
  const { ended } = world.record;
  if (outlivesGrace(stage, key, reply, readAt ?? world.at)) {
    return { invariant: "I2", what: "the attempt of requests without a key was shared for longer than grace" };
  }
  if (reply.toldEarly) return { invariant: "I6", what: `${reply.code} was answered before the store held it` };
  if (ended !== undefined) {
    if (reply.record.ended === undefined) return { invariant: "I5", what: "a refresh undid a revocation" };
    const isDatedBefore = reply.issuedAt !== undefined && reply.issuedAt <= Math.floor(ended.at / 1000);
    if (reply.terminal || reply.code === "confirmed" || isDatedBefore) return undefined;
    if (reply.issuedAt !== undefined) return { invariant: "I5", what: `${reply.code} after the session was revoked` };
    return undefined;
  }
  if (world.thief === undefined && (reply.terminal || reply.record.ended !== undefined)) {
    return { invariant: "I1", what: `the owner was answered ${reply.code}` };
  }
  return undefined;
}

/** The world once an answer arrived: its cookie is in the jar, and the attempt of its lane is over. */
function landed(stage: Stage, world: World, position: number): World {
  const { key, lane, gives } = flightAt(world, position);
  const isOver = stage.scenario.lanes[lane] === "key" && world.keys[lane] === key;
  return {
    ...world,
    jar: gives ?? world.jar,
    keys: isOver ? world.keys.with(lane, undefined) : world.keys,
    flights: world.flights.toSpliced(position, 1),
  };
}

function waited(world: World, milliseconds: number): World {
  const at = world.at + milliseconds;
  return { ...world, at, flights: world.flights.filter((each) => at - each.sentAt <= lifeMilliseconds) };
}

async function changed(
  stage: Stage,
  world: World,
  kind: "fail over" | "switch to strict" | "revoke" | "copy the jar",
): Promise<World> {
  const { left } = world;
  if (kind === "fail over" && world.before !== undefined) {
    return { ...world, record: world.before, before: undefined, left: { ...left, failovers: left.failovers - 1 } };
  }
  if (kind === "switch to strict") return { ...world, mode: "strict", left: { ...left, switches: left.switches - 1 } };
  if (kind === "revoke") {
    const record = await stage.server.revoke(world.record, world.at);
    return { ...world, record, left: { ...left, revocations: left.revocations - 1 } };
  }
  const long = world.at - 2 * zoneMilliseconds;
  const fresh = {
    isServed: false,
    ownerRefreshes: 0,
    late: false,
    countedAt: long,
    settles: 0,
    settledAt: long,
    actedSince: false,
  };
  return { ...world, thief: { ...fresh, tokens: [world.jar], ownerActedAt: long, ownerGotAt: long, actedAt: long } };
}

/** A whole request of the owner: sent, worked on and, unless lost, answered. */
async function round(stage: Stage, world: World, move: Extract<Move, { kind: "round" }>): Promise<Step> {
  const step = await processed(stage, sent(stage, world, move.lane, move.operation), world.flights.length);
  const { reply } = step;
  const isGood = move.operation === "refresh" && reply?.issuedAt !== undefined && !move.lost;
  const answered = step.world.flights.length > world.flights.length;
  const left = move.lost ? { ...world.left, losses: world.left.losses - 1 } : world.left;
  const there = answered && !move.lost ? landed(stage, step.world, world.flights.length) : step.world;
  const next = { ...there, flights: world.flights, left };
  const { thief } = next;
  if (thief === undefined) return { ...step, world: next };
  const before = {
    ...pruned(stage, next, thief),
    settles: move.lost && reply?.token !== undefined ? 0 : thief.settles,
  };
  // Who lost a token on its way was not kept from it by a thief: the count of settles begins again.
  const counted = countedFor(stage, before, isGood ? reply : undefined, world.at);
  const violation = isGood ? judgeRound(stage, counted) : undefined;
  return { reply, world: { ...next, thief: counted }, violation: step.violation ?? violation };
}

/** The thief presents one of his tokens. */
async function stolen(stage: Stage, world: World, move: Extract<Move, { kind: "thief" }>): Promise<Step> {
  const thief = world.thief as Thief;
  const plan = stage.scenario.thief as NonNullable<Scenario["thief"]>;
  const key = move.lane === "key" && move.operation === "refresh" ? drawKey(world, thiefsLane) : undefined;
  const reply = await ask(stage, {
    mode: world.mode,
    record: world.record,
    at: world.at,
    operation: move.operation,
    token: thief.tokens[move.token] as string,
    key,
    deadlineAt: world.at + graceSeconds * 1000,
  });
  const next = afterWrite(world, reply);
  const violation = judgeReply(stage, world, reply, { key });
  const acted: Thief = { ...thief, actedAt: world.at, actedSince: true };
  if (reply.issuedAt === undefined) return { reply, violation, world: { ...next, thief: pruned(stage, next, acted) } };
  const got: Thief = {
    ...acted,
    tokens: kept(stage, thief.tokens, reply.token, plan),
    isServed: true,
    late: thief.late || thief.ownerRefreshes >= plan.refreshesBound,
  };
  return { reply, violation, world: { ...next, thief: pruned(stage, next, got) } };
}
