// Requests to the issuer: headers, time limit, and the reading of answers. Everything that is not a well-formed answer
// of Pawl (no network, a time-out, the page of a proxy) becomes a ClientError that ends nothing.
// Knows no session state.

import { ClientError } from "./error.ts";

/** One request to the issuer. */
export interface Call {
  readonly method: "GET" | "POST" | "DELETE";
  readonly path: string;
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
  /** Outlives the page. */
  readonly keepalive?: boolean;
}

/** The JSON object of a 2xx answer; empty for 204. */
export type Answer = { readonly [Member in AnswerMember]?: unknown };

type AnswerMember =
  | "access_token"
  | "refresh_token"
  | "expires_in"
  | "request_timeout"
  | "session"
  | "user"
  | "sessions"
  | "revoked"
  | "code"
  | "title"
  | "detail"
  | "terminal"
  | "reasons";

/** Sends calls. */
export interface Transport {
  /** Resolves the answer of a 2xx; rejects with ClientError otherwise. */
  send(call: Call): Promise<Answer>;
  /** Takes the server's `request_timeout` (seconds) into account from now on. */
  limit(requestTimeoutSeconds: number): void;
}

/** A server may ask for a pause of at most this long. */
const retryAfterSecondsMax = 300;
/** Abort well before `request_timeout`: a request that outlives it may count against the session (CONTRACT section 4). */
const shareOfRequestTimeout = 0.8;

/** What a transport works on. */
export interface TransportParts {
  readonly issuer: string;
  readonly fetchRequest: (request: Request) => Promise<Response>;
  /** The longest a request may take. */
  readonly timeoutSeconds: number;
  /** `omit` where tokens travel in bodies: then no cookie is read or written (CONTRACT section 4). */
  readonly credentials: RequestCredentials;
}

/** The transport to an issuer. */
export function createTransport(parts: TransportParts): Transport {
  const { fetchRequest, timeoutSeconds } = parts;
  let milliseconds = timeoutSeconds * 1000;
  return {
    limit(requestTimeoutSeconds) {
      milliseconds = Math.min(timeoutSeconds, requestTimeoutSeconds * shareOfRequestTimeout) * 1000;
    },
    async send(call) {
      // Not AbortSignal.timeout(): React Native has none.
      const patience = new AbortController();
      const timer = setTimeout(() => patience.abort(), milliseconds);
      try {
        // The signal also covers the body: an answer that never ends is a time-out.
        const response = await fetchRequest(requestOf(parts, call, patience.signal));
        return read(response, await response.text());
      } catch (error) {
        if (error instanceof ClientError) throw error;
        if (patience.signal.aborted) throw new ClientError("timeout", "The server did not answer in time.");
        throw new ClientError("network_error", "The server could not be reached.");
      } finally {
        clearTimeout(timer);
      }
    },
  };
}

function requestOf({ issuer, credentials }: TransportParts, call: Call, signal: AbortSignal): Request {
  const headers = new Headers({ "X-Pawl": "1", ...call.headers });
  if (call.body !== undefined) headers.set("Content-Type", "application/json");
  return new Request(issuer + call.path, {
    method: call.method,
    headers,
    signal,
    credentials,
    cache: "no-store",
    // Pawl never redirects a call; whoever does (a captive portal) is not Pawl.
    redirect: "error",
    keepalive: call.keepalive ?? false,
    body: call.body === undefined ? null : JSON.stringify(call.body),
  });
}

function read(response: Response, text: string): Answer {
  const answer = parse(response, text);
  if (response.ok && (answer !== undefined || response.status === 204)) return answer ?? {};
  const { status } = response;
  const retryAfterSeconds = readRetryAfter(response);
  if (answer === undefined || typeof answer.code !== "string") {
    throw new ClientError("unexpected_answer", `The answer (${status}) is not one of Pawl's.`, {
      status,
      retryAfterSeconds,
    });
  }
  const { code, detail, title, terminal, reasons } = answer;
  throw new ClientError(code, typeof detail === "string" ? detail : String(title), {
    status,
    // RFC 9457 member of ours; only 401 ever carries a verdict on a session (CONTRACT section 2).
    terminal: status === 401 && terminal === true,
    reasons: Array.isArray(reasons) ? reasons.filter((reason) => typeof reason === "string") : [],
    retryAfterSeconds,
    sid: response.headers.get("Pawl-Session") ?? undefined,
  });
}

function parse(response: Response, text: string): Answer | undefined {
  if (!/\bjson\b/i.test(response.headers.get("Content-Type") ?? "")) return undefined;
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null ? (value as Answer) : undefined;
  } catch {
    return undefined;
  }
}

function readRetryAfter(response: Response): number | undefined {
  const seconds = Number.parseInt(response.headers.get("Retry-After") ?? "", 10);
  return Number.isNaN(seconds) ? undefined : Math.min(Math.max(seconds, 0), retryAfterSecondsMax);
}
