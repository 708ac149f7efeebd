// What the torture needs to know of a system under it: how it is started, how one signs in, refreshes, confirms and
// signs out, and what its answers mean. Owns the vocabulary; pawl.ts and peers.ts speak it.

import type { Program } from "../program.ts";
import type { Transport } from "./plan.ts";

export type Operation = "refresh" | "confirm" | "logout";

/** One request, always a POST. */
export interface Call {
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** One answer that arrived whole. */
export interface Reply {
  readonly status: number;
  readonly json: Readonly<Record<string, unknown>>;
  readonly setCookies: readonly string[];
  /** The header of that name; seconds. */
  readonly retryAfter: string | null;
}

/** What an answer means to a client. */
export type Verdict =
  /** A new token is in the jar. */
  | { readonly kind: "stored" }
  /** An access token, and the token in the jar stays. */
  | { readonly kind: "settled" }
  /** Confirmed or signed out. */
  | { readonly kind: "done" }
  /** No verdict: try again with what the jar holds now. */
  | { readonly kind: "superseded" }
  /** The server cannot answer now. */
  | { readonly kind: "busy" }
  /** The session is over; `ends` when the answer says that nothing of it may ever work again. */
  | { readonly kind: "over"; readonly code: string; readonly ends: boolean; readonly reuse: boolean }
  /** An answer that nothing foresees. */
  | { readonly kind: "strange"; readonly why: string };

/** What a database holds of sessions. */
export interface Weight {
  readonly rows: number;
  readonly rowBytesMax: number;
}

/** A server of one kind. */
export interface Dialect {
  readonly name: string;
  readonly title: string;
  readonly transports: readonly Transport[];
  readonly hasConfirm: boolean;
  /** False where a refusal names no reason: a client tries again when its jar holds another token by then. */
  readonly isRefusalFinal: boolean;
  /**
   * Starts it on the data in `folder`; `port` 0 = any free one.
   * @param issuer its outside address, when it is one of several nodes
   */
  launch(folder: string, port: number, graceSeconds: number, issuer?: string): Promise<Program>;
  /** The request that signs `person` in, first choice first; a 409 means: try the next. */
  enter(person: string, transport: Transport): readonly (Call & { readonly method?: "GET" })[];
  /** The token in an answer, where it is not in a cookie. */
  tokenIn(json: Reply["json"]): string | undefined;
  call(operation: Operation, token: string | undefined, key: string | undefined): Call;
  verdict(operation: Operation, reply: Reply): Verdict;
  /** What a story may say of a token. */
  label(token: string): string;
  /** The path that tells whether an access token still works; `undefined` where nothing reads the session. */
  readonly accessPath: string | undefined;
  /** Rows of sessions and the bytes of the largest one, after the server has stopped. */
  weigh?(folder: string): Promise<Weight>;
  /** What nothing that the server prints may hold. */
  readonly secrets?: readonly (string | RegExp)[];
}
