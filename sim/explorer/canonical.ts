// The canonical name of a state: two states get the same one only if everything that can happen from them is the same
// but for random bytes, absolute time and which of two like clients is which. What matters of a token is its standing
// and which attempt made it; what matters of an instant is its age, up to a soft zone.
// Owns that abstraction, which every result of the explorer rests on; judges nothing.

import type { ServerAttempt, SessionRecord } from "../../src/core/record.ts";
import type { Lineage } from "./lineage.ts";
import { standingOf } from "./lineage.ts";
import type { Flight, Scenario, Thief, World } from "./world.ts";
import { graceSeconds, zoneMilliseconds } from "./world.ts";

/** Numbers attempts in the order in which they are met. */
interface Names {
  of(attempt: string): string;
}

function createNames(): Names {
  const numbers = new Map<string, number>();
  return {
    of(attempt) {
      const number = numbers.get(attempt) ?? numbers.size;
      numbers.set(attempt, number);
      return String(number);
    },
  };
}

const keyName = (key: string | undefined): string => (key === undefined ? "" : `c:${key}`);

/** An age, where everything from a soft zone on is the same; one from a clock that was set back is kept as it is. */
function age(now: number, at: number): string {
  const passed = now - at;
  return passed >= zoneMilliseconds ? "z" : String(passed);
}

const letters = {
  current: "C",
  dead: "D",
  predecessor: "P",
  older: "O",
  successor: "S",
  "successor's successor": "T",
  foreign: "X",
} as const;

/** What a token is, without the names of attempts. */
function bare(lineage: Lineage, record: SessionRecord, token: string): string {
  const { standing, behind } = standingOf(lineage, record, token);
  return letters[standing] + (behind > 0 ? behind : "");
}

/** What a token is; two successors are the same one only if the same attempt made them. */
function named(lineage: Lineage, record: SessionRecord, token: string, names: Names): string {
  const text = bare(lineage, record, token);
  const { attempt, parent } = lineage.known(token);
  if (text === "S") return `S${names.of(attempt)}`;
  if (text === "T" && parent !== undefined) return `T${names.of(lineage.known(parent).attempt)}.${names.of(attempt)}`;
  return text;
}

function recordText(lineage: Lineage, world: World, record: SessionRecord, names: Names): string {
  const { at } = world;
  const current = lineage.current(record);
  const own = current === undefined ? "?" : names.of(lineage.known(current).attempt);
  const { handOut, serverAttempt, ended } = record;
  const { currentAgainAt } = record;
  const out =
    handOut === undefined
      ? "-"
      : `${age(at, handOut.lastAt) === "z" ? "z" : `${handOut.count},${age(at, handOut.firstAt)},${age(at, handOut.lastAt)}`},${handOut.crowdedBursts},${handOut.arrived}`;
  const server = serverAttempt === undefined ? "-" : serverAttemptText(at, record, serverAttempt, names);
  const again = currentAgainAt === undefined ? "z" : age(at, currentAgainAt);
  return `${own}|${record.generation === 0 ? 0 : 1}|${out}|${server}|${again}|${ended?.reason ?? ""}`;
}

function serverAttemptText(at: number, record: SessionRecord, kept: ServerAttempt, names: Names): string {
  const passed = at - kept.firstUsedAt;
  const use =
    passed >= graceSeconds * 1000 ? "x" : `${names.of(`s:${Buffer.from(kept.value).toString("hex")}`)},${passed}`;
  return `${use},${Math.min(record.generation - kept.generation, 2)},${kept.isShared ? 1 : 0},${kept.sharedBefore}`;
}

/** The retirement times that some token in the world may still be judged by. */
function retiredText(lineage: Lineage, world: World): string {
  const { record, at, jar, flights, thief } = world;
  const held = [jar, ...flights.flatMap((each) => [each.token, each.gives ?? jar]), ...(thief?.tokens ?? [])];
  const deepest = Math.max(...held.map((token) => record.generation - lineage.known(token).opened.generation));
  return Array.from({ length: Math.max(deepest, 0) }, (_, index) => {
    const retired = record.retiredAt[index];
    return retired === undefined ? "." : age(at, retired);
  }).join(",");
}

function flightText(lineage: Lineage, world: World, flight: Flight, names: Names | undefined): string {
  const { record, at } = world;
  const token = (text: string): string =>
    names === undefined ? bare(lineage, record, text) : named(lineage, record, text, names);
  // Of the key of an answer only this matters: whether it is still that of its lane.
  const isKeyed = flight.key !== undefined && (flight.phase !== "answer" || world.keys.includes(flight.key));
  const key = names === undefined || !isKeyed ? "" : names.of(keyName(flight.key));
  const gives = flight.gives === undefined ? "" : token(flight.gives);
  const held =
    flight.read === undefined
      ? ""
      : `${record.version - flight.read.version}/${record.generation - flight.read.generation}/${flight.read.handOut?.count ?? 0}/${age(at, flight.readAt ?? at)}`;
  const presented = flight.phase === "answer" ? "" : token(flight.token);
  return `${flight.phase[0]}${flight.operation[0]}${at - flight.sentAt}${presented}>${gives}#${key}${held}`;
}

function thiefText(lineage: Lineage, world: World, thief: Thief, scenario: Scenario, names: Names): string {
  const { record, at } = world;
  const tokens = thief.tokens.map((token) => named(lineage, record, token, names)).sort();
  // In whole soft zones: a bound that is a time is found to have passed up to one soft zone late.
  const zones = thief.since === undefined ? -1 : Math.floor((at - thief.since) / zoneMilliseconds);
  const since = Math.min(zones, scenario.thief?.zonesBound ?? 0);
  const pace =
    scenario.thief?.pace === "own"
      ? `${age(at, thief.ownerActedAt)},${age(at, thief.actedAt)},${thief.actedSince}`
      : "";
  return `${tokens.join(",")};${since};${thief.ownerRefreshes};${thief.late};${age(at, thief.ownerGotAt)};${pace}`;
}

function textWith(lineage: Lineage, world: World, scenario: Scenario, keys: World["keys"]): string {
  const names = createNames();
  const record = recordText(lineage, world, world.record, names);
  const lanes = keys.map((key) => (key === undefined ? "-" : names.of(keyName(key)))).join(",");
  const jar = named(lineage, world.record, world.jar, names);
  const sorted = world.flights
    .map((flight) => ({ flight, text: flightText(lineage, world, flight, undefined) }))
    .sort((a, b) => (a.text < b.text ? -1 : a.text > b.text ? 1 : 0));
  const flights = sorted.map(({ flight }) => flightText(lineage, world, flight, names)).join(";");
  const thief = world.thief === undefined ? "" : thiefText(lineage, world, world.thief, scenario, names);
  const { doubles, failovers, switches, losses, revocations } = world.left;
  const before = failovers === 0 || world.before === undefined ? "" : `${world.record.version - world.before.version}`;
  const left = `${doubles}${failovers}${switches}${losses}${revocations}${before}`;
  return `${world.mode[0]}${left}|${record}|${retiredText(lineage, world)}|${lanes}|${jar}|${flights}|${thief}`;
}

/** The canonical name of `world`. */
export function canonical(lineage: Lineage, world: World, scenario: Scenario): string {
  const plain = textWith(lineage, world, scenario, world.keys);
  // Two lanes of the same kind are the same client twice: of both orders the smaller name counts.
  if (scenario.lanes.length !== 2 || scenario.lanes[0] !== scenario.lanes[1]) return plain;
  const swapped = textWith(lineage, world, scenario, world.keys.toReversed());
  return swapped < plain ? swapped : plain;
}
