// The session of the token lab: a second sign-in with the refresh token in the body (CONTRACT section 2, transport
// `body`), so that the visitor can turn it by hand. The tokens live in this object and nowhere else.
// Sends requests and says what the answers mean; shows nothing.

import { LabModel, readToken } from "./lab-model.ts";

/** What an answer was. */
export type Outcome =
  | "started"
  | "rotated"
  | "identical"
  | "sibling"
  | "settled"
  | "confirmed"
  | "unchanged"
  | "superseded"
  | "reused"
  | "over"
  | "accepted"
  | "refused"
  | "failed";

/** One request of the lab and its answer. */
export interface Exchange {
  readonly at: Date;
  /** Such as "Refresh with generation 3". */
  readonly request: string;
  /** Such as "200" or "no answer". */
  readonly status: string;
  readonly outcome: Outcome;
  /** The generation that the answer is about. */
  readonly generation: number;
}

/** The answer the server gave, as far as the lab reads it. */
interface Reply {
  readonly status: number;
  readonly body: Readonly<Record<string, unknown>>;
}

const requestMillisecondsMax = 10_000;
const attemptBytes = 16;

/** The lab could not start; `code` is the server's, or `network_error`. */
export class LabRefusal extends Error {
  readonly code: string;
  constructor(code: string) {
    super(code);
    this.code = code;
  }
}

/** A session whose refresh token is in the open. */
export class LabSession {
  readonly id: string;
  readonly origin: string;
  readonly graceSeconds: number;
  readonly model: LabModel;
  #accessToken: string;
  #last: { readonly token: string; readonly attempt: string } | undefined;
  #lastSentAt: number | undefined;

  private constructor(body: Readonly<Record<string, unknown>>, origin: string) {
    this.origin = origin;
    this.id = (body.session as { id: string }).id;
    this.graceSeconds = Number(body.request_timeout);
    this.model = new LabModel(String(body.refresh_token), 2 * this.graceSeconds * 1000);
    this.#accessToken = String(body.access_token);
  }

  /** Signs in for the lab at `origin`, by default that of the page. @throws LabRefusal */
  static async start(email: string, password: string, origin = ""): Promise<LabSession> {
    const reply = await post(`${origin}/auth/login`, { email, password, transport: "body" });
    if (reply?.status !== 200) throw new LabRefusal(String(reply?.body.code ?? "network_error"));
    return new LabSession(reply.body, origin);
  }

  get accessToken(): string {
    return this.#accessToken;
  }

  /** True once there is a request that can be sent again. */
  get canRetry(): boolean {
    return this.#last !== undefined;
  }

  /** Milliseconds for which an answer to the last request may still be under way. */
  graceLeft(now: number): number {
    return this.#lastSentAt === undefined ? 0 : Math.max(0, this.#lastSentAt + this.graceSeconds * 1000 - now);
  }

  /** Refreshes with the newest token, under a new attempt. */
  refresh(): Promise<Exchange> {
    const { text, generation } = this.model.held;
    this.#last = { token: text, attempt: drawAttempt() };
    return this.#present(this.#last, "owner", `Refresh with generation ${generation}`);
  }

  /** Sends the last refresh once more, with the same token and the same Idempotency-Key, as after a lost answer. */
  async retry(): Promise<Exchange> {
    if (this.#last === undefined) return this.refresh();
    const generation = generationOf(this.#last.token);
    return this.#present(this.#last, "owner", `Retry with generation ${generation}, same key`);
  }

  /** Tells the server that the newest token has arrived. */
  async confirm(): Promise<Exchange> {
    const { text, generation } = this.model.held;
    const request = `Confirm generation ${generation}`;
    const reply = await post(`${this.origin}/auth/confirm`, { refresh_token: text });
    if (reply?.status !== 204) return this.#refusal(request, generation, reply);
    const hasRetired = this.model.confirmed(text, performance.now());
    return { at: new Date(), request, status: "204", outcome: hasRetired ? "confirmed" : "unchanged", generation };
  }

  /** Presents a copy of an old token, as somebody who found it would: under an attempt of its own. */
  replay(text: string): Promise<Exchange> {
    const generation = generationOf(text);
    return this.#present({ token: text, attempt: drawAttempt() }, "copy", `Replay generation ${generation}`);
  }

  /** Asks for the session with the access token, to see whether it is still accepted. */
  async useAccessToken(): Promise<Exchange> {
    const { generation } = this.model.held;
    const request = "Use the access token";
    const headers = { Authorization: `Bearer ${this.#accessToken}` };
    const reply = await send(`${this.origin}/auth/session`, { headers });
    if (reply === undefined) return { at: new Date(), request, status: "no answer", outcome: "failed", generation };
    const outcome = reply.status === 200 ? "accepted" : reply.status === 401 ? "refused" : "failed";
    return { at: new Date(), request, status: String(reply.status), outcome, generation };
  }

  /** Ends the session; `keepalive` outlives the page. */
  async end(keepalive = false): Promise<void> {
    const isOver = this.model.isOver;
    this.model.ended();
    if (!isOver) await post(`${this.origin}/auth/logout`, { refresh_token: this.model.held.text }, { keepalive });
  }

  async #present(
    sent: { readonly token: string; readonly attempt: string },
    holder: "owner" | "copy",
    request: string,
  ): Promise<Exchange> {
    this.#lastSentAt = performance.now();
    const headers = { "Idempotency-Key": sent.attempt };
    const reply = await post(`${this.origin}/auth/refresh`, { refresh_token: sent.token }, { headers });
    const presented = generationOf(sent.token);
    if (reply?.status !== 200) return this.#refusal(request, presented, reply);
    if (holder === "owner") this.#accessToken = String(reply.body.access_token);
    const received = reply.body.refresh_token;
    const answered = { at: new Date(), request, status: "200" };
    if (typeof received !== "string") return { ...answered, outcome: "settled", generation: presented };
    const outcome = this.model.handedOut(sent.token, received, holder, performance.now());
    return { ...answered, outcome, generation: generationOf(received) };
  }

  #refusal(request: string, generation: number, reply: Reply | undefined): Exchange {
    if (reply === undefined) return { at: new Date(), request, status: "no answer", outcome: "failed", generation };
    const { code, terminal } = reply.body;
    const isOver = reply.status === 401 && terminal === true;
    if (isOver) this.model.ended();
    const outcome =
      code === "refresh_token_superseded"
        ? "superseded"
        : code === "refresh_token_reused"
          ? "reused"
          : isOver
            ? "over"
            : "failed";
    return { at: new Date(), request, status: `${reply.status} ${String(code ?? "")}`.trim(), outcome, generation };
  }
}

function generationOf(token: string): number {
  return readToken(token, "owner").generation;
}

function drawAttempt(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(attemptBytes));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

function post(url: string, body: object, init: RequestInit = {}): Promise<Reply | undefined> {
  const headers = { "Content-Type": "application/json", ...(init.headers as Record<string, string>) };
  return send(url, { ...init, method: "POST", headers, body: JSON.stringify(body) });
}

/** Sends one request without cookies; `undefined` when there was no answer. */
async function send(url: string, init: RequestInit): Promise<Reply | undefined> {
  try {
    const signal = AbortSignal.timeout(requestMillisecondsMax);
    const response = await fetch(url, { ...init, signal, credentials: "omit", cache: "no-store", redirect: "error" });
    const text = await response.text();
    const isJson = /\bjson\b/i.test(response.headers.get("Content-Type") ?? "");
    return { status: response.status, body: isJson ? (JSON.parse(text) as Record<string, unknown>) : {} };
  } catch {
    return undefined;
  }
}
