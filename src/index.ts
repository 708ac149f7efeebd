// The front door of the library: `import { createSessions } from "pawl"`. Stores, HTTP handler, adapters and client have
// entry points of their own, so that nobody loads what they do not use.

export type { ErrorCode, ErrorFacts, ErrorMeaning } from "./core/errors.ts";
export { errorMeanings, PawlError } from "./core/errors.ts";
export type { SessionEnd, SessionEvent, SessionEventType } from "./core/events.ts";
export type { Policy, PolicyOptions, RotationMode } from "./core/policy.ts";
export type {
  Clock,
  DocumentChange,
  Entropy,
  Platform,
  PurgeStep,
  Revocation,
  RevocationPage,
  Scheduler,
  Store,
  StoredDocument,
} from "./core/ports.ts";
export type { HandOut, HistoryEntry, ServerAttempt, SessionRecord, Transport } from "./core/record.ts";
export { createSessions } from "./engine/create-sessions.ts";
export type { RevocationFeedState } from "./engine/revocation-feed.ts";
export type {
  Algorithm,
  Authenticated,
  Grant,
  IssueInput,
  KeyView,
  Origin,
  PresentInput,
  PublicJwk,
  SessionStory,
  Sessions,
  SessionsOptions,
  SessionView,
} from "./engine/types.ts";
