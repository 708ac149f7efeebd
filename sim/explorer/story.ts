// Tells a trace as a story: plays the moves again and says of each when it happened, who did what, and what came of it.
// Owns the words. Tokens get names in the order they appear (T0, T1a, T1b …); no token itself is printed.

import type { Move, Stage, Step } from "./moves.ts";
import { make } from "./moves.ts";
import { begin } from "./search.ts";
import type { Server } from "./server.ts";
import type { Scenario, World } from "./world.ts";

/** Names tokens by generation and, within one, by a letter. */
function createNames(stage: Stage): (token: string) => string {
  const names = new Map<string, string>();
  const used = new Map<number, number>();
  return (token) => {
    const known = names.get(token);
    if (known !== undefined) return known;
    const { generation } = stage.lineage.known(token).opened;
    const count = used.get(generation) ?? 0;
    used.set(generation, count + 1);
    const name = `T${generation}${generation === 0 ? "" : String.fromCharCode(97 + (count % 26))}`;
    names.set(token, name);
    return name;
  };
}

function clock(milliseconds: number): string {
  const seconds = milliseconds / 1000;
  const text = seconds.toFixed(3).replace(/\.?0+$/, "");
  return `${text === "" ? "0" : text}s`.padStart(9);
}

/** Numbers keys in the order they appear. */
function createKeyWords(): (key: string | undefined) => string {
  const seen: string[] = [];
  return (key) => {
    if (key === undefined) return "without a key";
    if (!seen.includes(key)) seen.push(key);
    return `with key ${seen.indexOf(key) + 1}`;
  };
}

function outcome(world: World, step: Step, name: (token: string) => string): string {
  const { reply } = step;
  if (reply === undefined) return "";
  const isUnchanged = reply.code === "confirmed" && reply.record.generation === world.record.generation;
  if (isUnchanged) return ": nobody has won yet";
  const token = reply.token === undefined ? "" : ` ${name(reply.token)}`;
  return `: ${reply.code}${token}`;
}

/** Names for tokens and keys. */
interface Words {
  readonly name: (token: string) => string;
  readonly key: (key: string | undefined) => string;
}

/** One move in words. */
function describe({ name, key: keyWords }: Words, world: World, move: Move, step: Step): string {
  switch (move.kind) {
    case "send": {
      const sent = step.world.flights.at(-1);
      const what = move.operation === "confirm" ? "confirms" : `refreshes ${keyWords(sent?.key)}`;
      return `tab ${move.lane + 1} ${what}, presenting ${name(world.jar)} (request sent)`;
    }
    case "double":
      return `the network doubles the request with ${name(world.flights[move.flight]?.token as string)}`;
    case "read":
      return `the server reads the session for the request with ${name(world.flights[move.flight]?.token as string)}`;
    case "process": {
      const flight = world.flights[move.flight];
      const how = flight?.phase === "held" ? "commits what it decided" : "works on the request";
      return `the server ${how}: ${flight?.operation} with ${name(flight?.token as string)} ${keyWords(flight?.key)}${outcome(world, step, name)}`;
    }
    case "land": {
      const gives = world.flights[move.flight]?.gives;
      return gives === undefined
        ? "an answer without a token arrives"
        : `an answer arrives: the jar holds ${name(gives)}`;
    }
    case "round": {
      const what = `${move.operation} with ${name(world.jar)}`;
      return `the owner: ${what}${outcome(world, step, name)}${move.lost ? " (the answer is lost)" : ""}`;
    }
    case "wait":
      return `${move.milliseconds / 1000} s pass`;
    case "thief": {
      const token = world.thief?.tokens[move.token] as string;
      const how = move.operation === "confirm" ? "" : move.lane === "key" ? " with a key of his own" : " without a key";
      return `the thief: ${move.operation} with ${name(token)}${how}${outcome(world, step, name)}`;
    }
    case "copy the jar":
      return `the thief copies the jar: ${name(world.jar)}`;
    case "fail over":
      return "the store fails over and loses its last write";
    case "switch to strict":
      return "the operator switches to strict";
    case "revoke":
      return "the owner revokes the session from another device";
  }
}

/** The lines of a trace. */
export async function tell(server: Server, scenario: Scenario, trace: readonly Move[]): Promise<string[]> {
  const { stage, world: start } = await begin(server, scenario);
  const words = { name: createNames(stage), key: createKeyWords() };
  const lines = [`${clock(0)}  signed in: the jar holds ${words.name(start.jar)}`];
  let world = start;
  for (const move of trace) {
    const step = await make(stage, world, move);
    lines.push(`${clock(world.at - start.at)}  ${describe(words, world, move, step)}`);
    world = step.world;
  }
  return lines;
}
