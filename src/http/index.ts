// The entry point `pawl/http`: the handler, and the types that its options are written with.
// Owns the list of what is public; the rest of http/ may change.

export type { Accounts, User } from "./accounts.ts";
export type { Call, Endpoint } from "./endpoint.ts";
export type { Incoming, Outgoing, Peer, StreamedBody } from "./exchange.ts";
export type { Handler, HandlerOptions } from "./handler.ts";
export { createHandler } from "./handler.ts";
export type { RateLimitName, RateLimitSetting, RateLimits, RateLimitVerdict } from "./limits.ts";
export { createRateLimits, rateLimitDefaults } from "./limits.ts";
export type { Log, LogEntry } from "./log.ts";
export type { TrustProxy } from "./proxy.ts";
