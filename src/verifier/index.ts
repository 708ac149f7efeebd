// What `pawl/verifier` exports, for programs that check what others signed. Owns the list of names and no code.
// Nothing behind it may know a store or a refresh token, or import a module of Node.

export type { AccessClaims } from "../core/access-claims.ts";
export { PawlError } from "../core/errors.ts";
export type { Jwk, JwsAlgorithm } from "./algorithms.ts";
export type { Access, RevocationOptions, Standing, Verifier, VerifierOptions } from "./create-verifier.ts";
export { createVerifier } from "./create-verifier.ts";
export type { Need } from "./decide.ts";
export type { Fetch } from "./fetching.ts";
export type {
  ExpressGuard,
  FastifyGuard,
  FastifyReply,
  FetchGuard,
  Guards,
  HonoContext,
  HonoGuard,
  NodeGuard,
  NodeRequest,
  NodeResponse,
  RecentAuth,
} from "./guards.ts";
export { accessOf, expressGuards, fastifyGuards, fetchGuards, honoGuards, nodeGuards } from "./guards.ts";
export type { EndReason, HeldOpen, HoldOptions } from "./hold-open.ts";
export { holdOpen } from "./hold-open.ts";
export type { JwkSet, VerifiedJws } from "./jws.ts";
export { verifyJws } from "./jws.ts";
