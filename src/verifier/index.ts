// What `pawl/verifier` exports, for programs that check what others signed. Owns the list of names and no code.
// Nothing behind it may know a store or a refresh token, or import a module of Node.

export { PawlError } from "../core/errors.ts";
export type { Jwk, JwsAlgorithm } from "./algorithms.ts";
export type { JwkSet, VerifiedJws } from "./jws.ts";
export { verifyJws } from "./jws.ts";
