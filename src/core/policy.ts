// The numbers of the session rules, in one place: unit, default and bound of each. Validated once, frozen, handed to
// decide() and the engine. Owns no behaviour beyond validation.

import { PawlError } from "./errors.ts";

/** `two-phase`: the old token lives until its successor is used. `strict`: it dies when the successor is handed out. */
export type RotationMode = "two-phase" | "strict";

/** Options of the session rules. All durations are whole seconds. */
export interface PolicyOptions {
  /** Access token lifetime. Default 900 (15 minutes), 1 to 86,400. */
  readonly accessTtlSeconds?: number | undefined;
  /** A session unused for this long ends. Default 604,800 (7 days), 1 to 34,560,000 (400 days). */
  readonly idleTtlSeconds?: number | undefined;
  /** Absolute session lifetime, never extended. Default 2,592,000 (30 days), 1 to 315,360,000 (10 years). */
  readonly sessionTtlSeconds?: number | undefined;
  /** Default `two-phase`. */
  readonly rotation?: RotationMode | undefined;
  /** The longest a request may be in flight. Default 30, 1 to 300; 0 only with `strict`, where 30 are enforced. */
  readonly graceSeconds?: number | undefined;
  /** Live sessions a subject may hold; the least recently used one is ended. Default 50, 1 to 1,000. */
  readonly sessionsMax?: number | undefined;
}

/** A validated, frozen policy. */
export type Policy = { readonly [Name in keyof PolicyOptions]-?: NonNullable<PolicyOptions[Name]> };

/** The longest access-token lifetime any policy allows, in seconds. */
export const accessTtlSecondsMax = 86_400;

const bounds = {
  accessTtlSeconds: { fallback: 900, min: 1, max: accessTtlSecondsMax },
  idleTtlSeconds: { fallback: 604_800, min: 1, max: 34_560_000 },
  sessionTtlSeconds: { fallback: 2_592_000, min: 1, max: 315_360_000 },
  graceSeconds: { fallback: 30, min: 0, max: 300 },
  sessionsMax: { fallback: 50, min: 1, max: 1_000 },
} as const;

/**
 * Validates options and fills in defaults.
 * @throws PawlError `invalid_option` naming the option and the accepted values.
 */
export function createPolicy(options: PolicyOptions = {}): Policy {
  const number = (name: keyof typeof bounds): number => {
    const { fallback, min, max } = bounds[name];
    const value = options[name] ?? fallback;
    if (!Number.isInteger(value) || value < min || value > max) {
      throw new PawlError("invalid_option", `${name} must be a whole number from ${min} to ${max}`, { field: name });
    }
    return value;
  };
  const rotation = options.rotation ?? "two-phase";
  if (rotation !== "two-phase" && rotation !== "strict") {
    throw new PawlError("invalid_option", "rotation must be two-phase or strict", { field: "rotation" });
  }
  let graceSeconds = number("graceSeconds");
  if (graceSeconds === 0) {
    if (rotation !== "strict") {
      throw new PawlError("invalid_option", "graceSeconds 0 is only accepted with rotation strict", {
        field: "graceSeconds",
      });
    }
    graceSeconds = bounds.graceSeconds.fallback;
  }
  return Object.freeze({
    accessTtlSeconds: number("accessTtlSeconds"),
    idleTtlSeconds: number("idleTtlSeconds"),
    sessionTtlSeconds: number("sessionTtlSeconds"),
    rotation,
    graceSeconds,
    sessionsMax: number("sessionsMax"),
  });
}
