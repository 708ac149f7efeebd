// From what happens in the engine and in the HTTP layer to log lines and figures.
// Owns the choice: what is worth an `info` line, what counts as which outcome of a refresh. Adds nothing to the facts it
// is given, so it cannot leak what they do not hold.

import type { SessionEvent, SessionEventType } from "../core/events.ts";
import type { LogEntry } from "../http/log.ts";
import type { Log } from "./log.ts";
import type { Metrics } from "./metrics.ts";

/** Routine is for debugging; what ends or questions a session is worth a line. */
const eventLevels: Readonly<Record<SessionEventType, "error" | "info" | "debug">> = {
  session_created: "info",
  refresh_token_rotated: "debug",
  refresh_token_handed_out_again: "debug",
  refresh_token_confirmed: "debug",
  refresh_settled: "debug",
  refresh_superseded: "debug",
  refresh_token_reused: "info",
  store_rolled_back: "error",
  session_revoked: "info",
  session_reauthenticated: "info",
};

/** The outcomes of a refresh that no problem code names. */
const refreshOutcomes: Partial<Readonly<Record<SessionEventType, string>>> = {
  refresh_token_rotated: "rotated",
  refresh_token_handed_out_again: "handed_out_again",
  refresh_settled: "settled",
};

/** Counts and logs session events. */
export function observeEvents(log: Log, metrics: Metrics): (event: SessionEvent) => void {
  return (event) => {
    metrics.event(event);
    const outcome = refreshOutcomes[event.type];
    if (outcome !== undefined) metrics.refresh(outcome);
    const level = eventLevels[event.type];
    if (!log.writes(level)) return;
    const { sid, sub, reason, detail } = event;
    log[level](event.type, { sid, sub, reason, detail });
  };
}

/** Counts and logs answered requests. */
export function observeRequests(log: Log, metrics: Metrics): (entry: LogEntry) => void {
  return (entry) => {
    const { level, event, route, method, status, code, durationMilliseconds, client, detail } = entry;
    metrics.request(route, method, status, durationMilliseconds);
    if (route === "/auth/refresh" && code !== undefined) metrics.refresh(code);
    if (!log.writes(level)) return;
    log[level](event, { method, route, status, code, milliseconds: durationMilliseconds, client, detail });
  };
}
