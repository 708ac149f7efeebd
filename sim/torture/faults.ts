// The faults of the network: their kinds, and how one is drawn. Every draw takes the same number of random numbers, so
// that what happens to one request never shifts the plan of the next. Performs nothing: network.ts does.

import type { Random } from "../../src/testing/random.ts";

/** What a network can do to a request and its answer. */
export const faultKinds = ["drop before", "drop after", "delay", "double", "reorder", "cut"] as const;
export type FaultKind = (typeof faultKinds)[number];

/** The planned fate of one request. Delays are parts of grace. */
export interface Fault {
  readonly kind: FaultKind | "none";
  /** Before the request goes on to the server. */
  readonly requestDelay: number;
  /** Before its answer goes on to the client. */
  readonly answerDelay: number;
  /** From 0 up to 1: which of the forms of its kind, and where it cuts. */
  readonly form: number;
}

/** Requests are late by at most this; the rest of a grace belongs to the server and the answer. */
const requestDelayMax = 0.25;
const answerDelayMax = 0.7;
/** What an undisturbed network takes. */
const jitter = 0.02;

/** Draws one fault; `probability` is that of any. */
export function drawFault(random: Random, probability: number): Fault {
  const happens = random() < probability;
  const kind = faultKinds[Math.floor(random() * faultKinds.length)] as FaultKind;
  const [early, late, form] = [random(), random(), random()];
  const isLate = happens && kind !== "drop before" && kind !== "drop after" && kind !== "cut";
  return {
    kind: happens ? kind : "none",
    requestDelay: early * (isLate ? requestDelayMax : jitter),
    answerDelay: late * (isLate ? answerDelayMax : jitter),
    form,
  };
}

/** No fault and no delay: for what a client does not risk, and for the checks after a run. */
export const noFault: Fault = { kind: "none", requestDelay: 0, answerDelay: 0, form: 0 };
