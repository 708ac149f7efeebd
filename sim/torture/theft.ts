// The account of one theft: when thief and owner went on, and whether the thief is out within the bounds of CONTRACT
// section 4 (I2). Owns the bounds; sends nothing.

import type { ThiefPlan } from "./plan.ts";

/** Refreshes of the owner after which the thief is out. */
const ownerRefreshesMax = 2;
/** The same where somebody sends no key or the two act at the same time, then with soft zones, whichever is later. */
const ownerRefreshesLooseMax = 4;
const softZonesMax = 8;

/** One theft. */
export interface Theft {
  readonly plan: ThiefPlan;
  /** Run times of the last requests. */
  readonly lastSent: { owner: number; thief: number };
  /** Run time of the thief's first request. */
  actedAt: number | undefined;
  /** An answer told the thief that it is over. */
  isOut: boolean;
  /** An answer told the owner that it is over. */
  ownerIsOut: boolean;
  /** The two were never within a soft zone of each other, every answer arrived, both sent keys. */
  isSharp: boolean;
  /** The owner sends or meets a fault, or the thief sends. */
  sends(who: "owner" | "thief", now: number, softZone: number): void;
  ownerWentOn(sentAt: number, answeredAt: number, isNew: boolean): void;
  /** Returns what is wrong when the thief should have been out. */
  thiefWentOn(sentAt: number, answeredAt: number, softZone: number, isInconclusive: boolean): string | undefined;
}

/** A theft that is about to happen. */
export function createTheft(plan: ThiefPlan): Theft {
  const lastSent = { owner: Number.NEGATIVE_INFINITY, thief: Number.NEGATIVE_INFINITY };
  let ownerFirst: number | undefined;
  let thiefFirst: number | undefined;
  const ownerRefreshes: { readonly sentAt: number; readonly answeredAt: number }[] = [];
  const theft: Theft = {
    plan,
    lastSent,
    actedAt: undefined,
    isOut: false,
    ownerIsOut: false,
    isSharp: plan.sendsKeys && plan.kind === "own pace",
    sends(who, now, softZone) {
      const other = who === "owner" ? "thief" : "owner";
      if (who === "thief") theft.actedAt ??= now;
      lastSent[who] = now;
      // A little more than a soft zone: the server counts from when it acted.
      if (theft.actedAt !== undefined && now - lastSent[other] < 1.1 * softZone) theft.isSharp = false;
    },
    ownerWentOn(sentAt, answeredAt, isNew) {
      if (theft.actedAt === undefined) return;
      if (sentAt > theft.actedAt) ownerFirst ??= answeredAt;
      if (isNew) ownerRefreshes.push({ sentAt, answeredAt });
    },
    thiefWentOn(sentAt, answeredAt, softZone, isInconclusive) {
      thiefFirst ??= answeredAt;
      if (isInconclusive || ownerFirst === undefined) return undefined;
      const since = Math.max(thiefFirst, ownerFirst);
      const refreshes = ownerRefreshes.filter((each) => each.sentAt > since && each.answeredAt < sentAt).length;
      if (theft.isSharp) {
        return refreshes >= ownerRefreshesMax
          ? `the thief was still in after ${refreshes} refreshes of the owner`
          : undefined;
      }
      const zones = (sentAt - since) / softZone;
      return refreshes >= ownerRefreshesLooseMax && zones > softZonesMax
        ? `the thief was still in after ${refreshes} refreshes of the owner and ${zones.toFixed(1)} soft zones`
        : undefined;
    },
  };
  return theft;
}
