// Plays a named trace on the real engine, move by move, and notes what a diagram shows of it.
// Owns which moves share a row: what follows on at once is drawn together. It draws nothing.

import type { Move, Stage, Step } from "../../sim/explorer/moves.ts";
import { make } from "../../sim/explorer/moves.ts";
import { begin } from "../../sim/explorer/search.ts";
import { createServer } from "../../sim/explorer/server.ts";
import type { Trace } from "../../sim/explorer/traces.ts";
import { scenarioOf } from "../../sim/explorer/traces.ts";
import type { Flight, World } from "../../sim/explorer/world.ts";
import type { Names } from "./names.ts";
import { createNames, spanWords } from "./names.ts";
import type { Call, Lane, Line, Row, ServerState, Story } from "./story.ts";
import { answerWords, askWords } from "./words.ts";

/** A story while it is written. */
interface Draft {
  readonly trace: Trace;
  readonly stage: Stage;
  readonly names: Names;
  readonly rows: Row[];
  readonly calls: Call[];
  /** The calls that are under way, in the order of the world's flights. */
  readonly flying: Call[];
  shown: ServerState;
  lastThief: Step | undefined;
  lastOwner: Step | undefined;
}

/** The world before a move, and what the move led to. */
interface Made {
  readonly world: World;
  readonly step: Step;
}

type MoveOf<Kind extends Move["kind"]> = Extract<Move, { kind: Kind }>;

/** Plays `trace`. */
export async function play(trace: Trace): Promise<Story> {
  const { stage, world: start } = await begin(await createServer(), scenarioOf(trace));
  const names = createNames(stage.lineage);
  const token = names.token(start.jar);
  const shown: ServerState = { current: token, previous: undefined, isOver: false };
  const first: Row = {
    lines: [{ text: `Signed in: the jar holds ${token}`, tone: "plain" }],
    holds: { lane: "cookie jar", token },
    state: shown,
  };
  const rows = [first];
  const draft: Draft = {
    trace,
    stage,
    names,
    rows,
    calls: [],
    flying: [],
    shown,
    lastThief: undefined,
    lastOwner: undefined,
  };
  let world = start;
  for (const move of trace.moves) {
    const step = await make(stage, world, move);
    note(draft, move, { world, step });
    world = step.world;
  }
  return {
    name: trace.name,
    about: trace.about,
    lanes: lanesOf(trace),
    rows: draft.rows,
    calls: draft.calls,
    end: endOf(draft, world),
  };
}

function lanesOf(trace: Trace): readonly Lane[] {
  if (trace.robbed) return ["owner", "cookie jar", "server", "thief"];
  return trace.lanes.length === 1 ? ["tab 1", "cookie jar", "server"] : ["tab 1", "tab 2", "cookie jar", "server"];
}

function tabOf({ trace }: Draft, lane: number): Lane {
  if (trace.robbed) return "owner";
  return lane === 0 ? "tab 1" : "tab 2";
}

function note(draft: Draft, move: Move, made: Made): void {
  const { world } = made;
  switch (move.kind) {
    case "send":
      noteSent(draft, move, made);
      break;
    case "double":
      noteDouble(draft, move.flight);
      break;
    case "process":
      noteWork(draft, move.flight, made);
      break;
    case "land":
      noteLanding(draft, move.flight);
      break;
    case "round":
      noteRound(draft, move, made);
      break;
    case "thief":
      noteThief(draft, move, made);
      break;
    case "wait":
      noteWait(draft, move.milliseconds, made);
      break;
    case "copy the jar":
      noteTheft(draft, world);
      break;
    case "fail over":
      noteAtServer(draft, "The store fails over and forgets its last write");
      break;
    case "switch to strict":
      noteAtServer(draft, "The operator switches to strict");
      break;
    default:
      throw new Error(`no picture of ${JSON.stringify(move.kind)}`);
  }
}

function noteTheft(draft: Draft, world: World): void {
  const token = draft.names.token(world.jar);
  const lines: Line[] = [{ text: `A thief copies the jar: ${token}`, tone: "plain" }];
  addRow(draft, { lines, holds: { lane: "thief", token } });
}

function noteAtServer(draft: Draft, text: string): void {
  addRow(draft, { lines: [{ text, tone: "plain" }], mark: "server" });
}

function addRow(draft: Draft, row: Row): number {
  draft.rows.push(row);
  return draft.rows.length - 1;
}

function addCall(draft: Draft, from: Lane, call: Pick<Call, "operation" | "token">, key: string | undefined): Call {
  const sentRow = addRow(draft, { lines: [askWords(from, call.operation, call.token, key)] });
  const added: Call = { from, operation: call.operation, token: call.token, sentRow, isDouble: false, tone: "plain" };
  draft.calls.push(added);
  return added;
}

function noteSent(draft: Draft, move: MoveOf<"send">, { world, step }: Made): void {
  const { names } = draft;
  const { key } = step.world.flights.at(-1) as Flight;
  const call = { operation: move.operation, token: names.token(world.jar) };
  draft.flying.push(addCall(draft, tabOf(draft, move.lane), call, names.key(key)));
}

function noteDouble(draft: Draft, flight: number): void {
  const original = draft.flying[flight] as Call;
  const sentRow = addRow(draft, { lines: [{ text: "The network doubles this request", tone: "plain" }] });
  const copy: Call = { ...original, sentRow, isDouble: true };
  draft.calls.push(copy);
  draft.flying.push(copy);
}

/** The row of the work on a call: that of its sending where nothing happened in between. */
function rowOfWork(draft: Draft, call: Call): number {
  if (call.sentRow === draft.rows.length - 1) return call.sentRow;
  const which = call.isDouble ? "the double" : `${call.from}'s request`;
  return addRow(draft, { lines: [{ text: `The server works on ${which}`, tone: "plain" }] });
}

/** Notes what the server answered to `call`, and what it knows from here on. */
function noteAnswer(draft: Draft, call: Call, { world, step }: Made, presented: string): void {
  const { stage, names } = draft;
  const { reply } = step;
  if (reply === undefined) throw new Error("the server answered nothing");
  call.workedRow = rowOfWork(draft, call);
  const row = draft.rows[call.workedRow] as Row;
  const line = answerWords(
    {
      ...call,
      world,
      reply,
      isAhead: stage.lineage.known(presented).opened.generation > world.record.generation,
      isSame: reply.token !== undefined && names.isKnown(reply.token),
    },
    names,
  );
  row.lines.push(line);
  call.tone = line.tone;
  if (reply.token !== undefined) call.gives = names.token(reply.token);
  const current = stage.lineage.current(reply.record) as string;
  const { parent } = stage.lineage.known(current);
  const isOver = reply.record.ended !== undefined;
  const state = { current: names.token(current), previous: parent && names.token(parent), isOver };
  if (state.current !== draft.shown.current || isOver) row.state = state;
  draft.shown = state;
}

function noteWork(draft: Draft, flight: number, made: Made): void {
  const { world, step } = made;
  const [call] = draft.flying.splice(flight, 1) as [Call];
  noteAnswer(draft, call, made, (world.flights[flight] as Flight).token);
  draft.lastOwner = step;
  const isUnderWay = step.world.flights.length === world.flights.length;
  if (isUnderWay) draft.flying.push(call);
  else call.arrivedRow = call.workedRow as number;
}

function noteLanding(draft: Draft, flight: number): void {
  const [call] = draft.flying.splice(flight, 1) as [Call];
  const isAtOnce = call.workedRow === draft.rows.length - 1;
  call.arrivedRow = isAtOnce ? (call.workedRow as number) : addRow(draft, { lines: [] });
  const row = draft.rows[call.arrivedRow] as Row;
  if (call.gives === undefined) {
    if (!isAtOnce) row.lines.push({ text: "That answer arrives: the jar is untouched", tone: "plain" });
    return;
  }
  if (!isAtOnce) row.lines.push({ text: `The jar holds ${call.gives}`, tone: "plain" });
  row.holds = { lane: "cookie jar", token: call.gives };
}

function noteRound(draft: Draft, move: MoveOf<"round">, made: Made): void {
  const { world, step } = made;
  const { names, stage } = draft;
  const isKeyless = stage.scenario.lanes[move.lane] === "no key";
  const pending = world.keys[move.lane];
  const key = isKeyless ? names.key(undefined) : pending && names.key(pending);
  const call = { operation: move.operation, token: names.token(world.jar) };
  const added = addCall(draft, tabOf(draft, move.lane), call, key);
  noteAnswer(draft, added, made, world.jar);
  draft.lastOwner = step;
  if (move.lost) {
    noteLoss(draft, added);
    return;
  }
  added.arrivedRow = added.workedRow as number;
  if (added.gives !== undefined) {
    (draft.rows[added.arrivedRow] as Row).holds = { lane: "cookie jar", token: added.gives };
  }
}

function noteThief(draft: Draft, move: MoveOf<"thief">, made: Made): void {
  const { world, step } = made;
  const presented = world.thief?.tokens[move.token] as string;
  const key = move.lane === "key" ? "his own key" : draft.names.key(undefined);
  const call = addCall(draft, "thief", { operation: move.operation, token: draft.names.token(presented) }, key);
  noteAnswer(draft, call, made, presented);
  draft.lastThief = step;
  call.arrivedRow = call.workedRow as number;
  if (call.gives !== undefined) (draft.rows[call.arrivedRow] as Row).holds = { lane: "thief", token: call.gives };
}

/** Time passes; what was under way for too long is lost. */
function noteWait(draft: Draft, milliseconds: number, { world, step }: Made): void {
  const isKept = (position: number): boolean => step.world.flights.includes(world.flights[position] as Flight);
  const gone = draft.flying.filter((_, position) => !isKept(position));
  const kept = draft.flying.filter((_, position) => isKept(position));
  draft.flying.splice(0, draft.flying.length, ...kept);
  for (const call of gone) noteLoss(draft, call);
  const last = draft.rows.at(-1) as Row;
  if (last.gap !== undefined) throw new Error("two waits in a row would be drawn as one");
  addRow(draft, { lines: [], gap: spanWords(milliseconds) });
}

function noteLoss({ rows }: Draft, call: Call): void {
  const what = call.workedRow === undefined ? "This request" : "This answer";
  (rows[call.workedRow ?? call.sentRow] as Row).lines.push({ text: `✕ ${what} is lost`, tone: "plain" });
}

/** How it ended, by the state of the session and the last answers. */
function endOf({ lastThief, lastOwner, trace }: Draft, world: World): Story["end"] {
  if (world.record.ended !== undefined) {
    return world.record.ended.reason === "refresh_token_reused" ? "revoked" : undefined;
  }
  if (trace.robbed) return lastThief?.reply?.issuedAt === undefined ? "thief out" : undefined;
  return lastOwner?.reply?.code === "rotated" ? "signed in" : undefined;
}
