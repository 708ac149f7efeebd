// The log port of the HTTP layer: what may be said about a request. Owns the shape. By construction nothing in an entry
// was written by a client but its address (checked) and, of an unexpected failure, a cleaned message.

/** One line of the log. */
export interface LogEntry {
  /** `error`: ours to repair. `info`: a refusal. `debug`: everything else. */
  readonly level: "error" | "info" | "debug";
  readonly event: "request" | "failure";
  /** The route's pattern (`/auth/sessions/{id}`), never the path itself: paths of strangers may hold anything. */
  readonly route: string;
  readonly method: string;
  readonly status: number;
  readonly code?: string;
  readonly durationMilliseconds: number;
  /** The client's address. */
  readonly client?: string;
  /** Of a failure: what went wrong, without anything that looks like a token, control characters encoded. */
  readonly detail?: string;
}

/** Receives entries; a throwing log is ignored. */
export type Log = (entry: LogEntry) => void;

const detailCharactersMax = 300;
const tokenShapes = /pawl_rt_[A-Za-z0-9_-]+|eyJ[A-Za-z0-9_.-]{16,}/g;

/** What may be written about an unexpected failure. */
export function failureDetail(failure: unknown): string {
  const text = failure instanceof Error ? `${failure.name}: ${failure.message}` : typeof failure;
  return (
    text
      .replace(tokenShapes, "[token]")
      // Only now: half a token may not look like one any more.
      .slice(0, detailCharactersMax)
      .replace(/[^\x20-\x7e]/g, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`)
  );
}

const methods = new Set(["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"]);

/** The method as it may be logged. */
export function knownMethod(method: string): string {
  return methods.has(method) ? method : "other";
}
