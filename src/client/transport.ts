// Requests to the issuer: headers, time limit, and the reading of answers. Everything that is not a well-formed answer
// of Pawl (no network, a time-out, the page of a proxy) becomes a ClientError that ends nothing.
// Knows no session state.

import { ClientError } from "./error.ts";

/** One request to the issuer. */
export interface Call {
  readonly path: string;
  /** Default `POST`. */
  readonly method?: "GET" | "DELETE" | undefined;
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
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
  | "detail"
  | "terminal"
  | "reasons";

/** Sends calls. */
export interface Transport {
  /** Resolves the answer of a 2xx; rejects with ClientError otherwise. `by` sends it another way. */
  send(call: Call, by?: Fetch): Promise<Answer>;
}

/** Sends one request. */
export type Fetch = (request: Request) => Promise<Response>;

/** A server may ask for a pause of at most this long. */
const retryAfterSecondsMax = 300;
/** Abort well before `request_timeout`: a request that outlives it may count against the session (CONTRACT section 4). */
const shareOfRequestTimeout = 0.8;

/**
 * The transport to `issuer`. `credentials` is `omit` where tokens travel in bodies: then no cookie is read or written
 * (CONTRACT section 4).
 */
export function createTransport(
  issuer: string,
  fetchRequest: Fetch,
  timeoutSeconds: number,
  credentials: RequestCredentials,
): Transport {
  let seconds = timeoutSeconds;

  return {
    async send({ path, method = "POST" as never, body, headers }, by = fetchRequest) {
      // Not AbortSignal.timeout(): React Native has none.
      const patience = new AbortController();
      const { signal } = patience;
      const request = new Request(issuer + path, {
        method,
        headers: { "X-Pawl": "1", "Content-Type": "application/json", ...headers },
        body: JSON.stringify(body),
        signal,
        credentials,
        // Chromium lets a second GET of the same address wait for the first one, to answer it from its cache.
        cache: "no-store",
        // Pawl never redirects a call; whoever does (a captive portal) is not Pawl.
        redirect: "error",
        // A page that is left takes its answer along: the cookie arrives all the same.
        keepalive: true,
      });
      const timer = setTimeout(() => patience.abort(), seconds * 1000);
      try {
        // The signal also covers the body: an answer that never ends is a time-out.
        const response = await by(request);
        const answer = read(response, await response.text());
        seconds = Math.min(timeoutSeconds, (answer.request_timeout as number) * shareOfRequestTimeout || seconds);
        return answer;
      } catch (error) {
        if (error instanceof ClientError) throw error;
        throw new ClientError(signal.aborted ? "timeout" : "network_error");
      } finally {
        clearTimeout(timer);
      }
    },
  };
}

function read(response: Response, text: string): Answer {
  const { ok, status, headers } = response;
  const answer = parse(text);
  if (ok && (answer || status === 204)) return answer ?? {};
  const ours = typeof answer?.code === "string" ? answer : {};
  const { code = "unexpected_answer", detail, terminal, reasons } = ours;
  throw new ClientError(code as string, detail as string, {
    status,
    // Only 401 ever carries a verdict on a session (CONTRACT section 2).
    terminal: status === 401 && terminal === true,
    reasons: reasons as string[],
    retryAfterSeconds: Math.min(Number(headers.get("Retry-After")), retryAfterSecondsMax) || undefined,
    sid: headers.get("Pawl-Session"),
  });
}

/** What is no JSON is nothing; what is no object has no members. */
export function parse(text: string): Answer | undefined {
  try {
    return JSON.parse(text);
  } catch {}
  return undefined;
}
