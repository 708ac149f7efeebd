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

/**
 * What a token is; two successors are the same one only if the same attempt made them, in the present burst or not: the
 * server tells those two apart by their expiry.
 */
function named(lineage: Lineage, record: SessionRecord, token: string, names: Names): string {
  const text = bare(lineage, record, token);
  const { descent, opened } = lineage.known(token);
  const burst = opened.expiresAt === record.handOut?.expiresAt ? "b" : "";
  if (text === "S") return `S${names.of(descent.attempt)}${burst}`;
  if (text === "T") return `T${names.of(descent.parent?.attempt ?? "")}.${names.of(descent.attempt)}`;
  return text;
}

function recordText(lineage: Lineage, world: World, record: SessionRecord, names: Names): string {
  const { at } = world;
  const own = names.of(lineage.currentOf(record).attempt);
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

/** What a request that is held back has read: the record as it is, or an older one in full. */
function readText(
  lineage: Lineage,
  world: World,
  read: SessionRecord,
  { token, readAt }: Flight,
  names: Names | undefined,
): string {
  const passed = age(world.at, readAt ?? world.at);
  if (read.version === world.record.version) return `/${passed}`;
  const generations = world.record.generation - read.generation;
  if (names === undefined) return `/${passed}/${generations}/${bare(lineage, read, token)}`;
  return `/${passed}/${generations}/${named(lineage, read, token, names)}<${recordText(lineage, world, read, names)}>`;
}

function flightText(lineage: Lineage, world: World, flight: Flight, names: Names | undefined): string {
  const { record, at } = world;
  const token = (text: string): string =>
    names === undefined ? bare(lineage, record, text) : named(lineage, record, text, names);
  // Of the key of an answer only this matters: whether it is still that of its lane.
  const isKeyed = flight.key !== undefined && (flight.phase !== "answer" || world.keys.includes(flight.key));
  const key = !isKeyed ? "" : names === undefined ? "k" : names.of(keyName(flight.key));
  const gives = flight.gives === undefined ? "" : token(flight.gives);
  const held = flight.read === undefined ? "" : readText(lineage, world, flight.read, flight, names);
  const presented = flight.phase === "answer" ? "" : token(flight.token);
  return `${flight.phase[0]}${flight.operation[0]}${at - flight.sentAt}${presented}>${gives}#${key}${held}`;
}

function thiefText(lineage: Lineage, world: World, thief: Thief, scenario: Scenario, names: Names): string {
  const { record, at } = world;
  const tokens = thief.tokens.map((token) => named(lineage, record, token, names)).sort();
  const got = thief.isServed ? thief.ownerRefreshes : "-";
  const settles = thief.settles === 0 ? "" : `${thief.settles},${age(at, thief.settledAt)}`;
  const pace =
    scenario.thief?.pace === "own"
      ? `${age(at, thief.ownerActedAt)},${age(at, thief.ownerGotAt)},${age(at, thief.actedAt)},${thief.actedSince}`
      : "";
  return `${tokens.join(",")};${got};${thief.late};${age(at, thief.countedAt)};${settles};${pace}`;
}

/** The state that a failover goes back to, and what every token under way is to that one. */
function beforeText(lineage: Lineage, world: World, before: SessionRecord, names: Names): string {
  const held = [world.jar, ...world.flights.flatMap(({ token, gives }) => [token, gives ?? ""])];
  const standings = held.map((token) => (token === "" ? "" : named(lineage, before, token, names)));
  return `<${recordText(lineage, world, before, names)}|${standings.join(",")}>`;
}

/** The flights in every order that what they are by themselves leaves open; most often that is one. */
function ordersOf(lineage: Lineage, world: World): readonly (readonly Flight[])[] {
  const sorted = world.flights
    .map((flight) => ({ flight, text: flightText(lineage, world, flight, undefined) }))
    .sort((a, b) => (a.text < b.text ? -1 : a.text > b.text ? 1 : 0));
  let orders: readonly (typeof sorted)[] = [[]];
  for (const one of sorted) {
    orders = orders.flatMap((order) => {
      const first = order.findIndex(({ text }) => text === one.text);
      const from = first < 0 ? order.length : first;
      return Array.from({ length: order.length - from + 1 }, (_, index) => order.toSpliced(from + index, 0, one));
    });
  }
  return orders.map((order) => order.map(({ flight }) => flight));
}

function textWith(
  lineage: Lineage,
  world: World,
  scenario: Scenario,
  keys: World["keys"],
  order: readonly Flight[],
): string {
  const names = createNames();
  const record = recordText(lineage, world, world.record, names);
  const lanes = keys.map((key) => (key === undefined ? "-" : names.of(keyName(key)))).join(",");
  const jar = named(lineage, world.record, world.jar, names);
  const flights = order.map((flight) => flightText(lineage, world, flight, names)).join(";");
  const thief = world.thief === undefined ? "" : thiefText(lineage, world, world.thief, scenario, names);
  const { doubles, failovers, switches, losses, revocations } = world.left;
  const before = failovers === 0 || world.before === undefined ? "" : beforeText(lineage, world, world.before, names);
  const left = `${doubles}${failovers}${switches}${losses}${revocations}${before}`;
  return `${world.mode[0]}${left}|${record}|${retiredText(lineage, world)}|${lanes}|${jar}|${flights}|${thief}`;
}

/** The canonical name of `world`: the smallest of those that only order and like lanes tell apart. */
export function canonical(lineage: Lineage, world: World, scenario: Scenario): string {
  // Two lanes of the same kind are the same client twice.
  const isTwice = scenario.lanes.length === 2 && scenario.lanes[0] === scenario.lanes[1];
  let smallest: string | undefined;
  for (const order of ordersOf(lineage, world)) {
    for (const keys of isTwice ? [world.keys, world.keys.toReversed()] : [world.keys]) {
      const text = textWith(lineage, world, scenario, keys, order);
      if (smallest === undefined || text < smallest) smallest = text;
    }
  }
  return smallest as string;
}
