// What `pawl/verifier` exports, for programs that check what others signed. No store, no refresh token, no module of Node.

export { PawlError } from "../core/errors.ts";
export type { Jwk, JwsAlgorithm } from "./algorithms.ts";
export type { JwkSet, VerifiedJws } from "./jws.ts";
export { verifyJws } from "./jws.ts";
