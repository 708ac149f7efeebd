// What run.ts asks of the load generator and what it gets back: one JSON object a line in each direction.
// Owns types only.

/** One round of load against one contestant. */
export interface LoadJob {
  readonly port: number;
  readonly path: string;
  /** `json`: `{"refresh_token": …}`. `form`: RFC 6749 section 6 with `clientId`. */
  readonly body: "json" | "form";
  readonly clientId?: string;
  /** Draw an `Idempotency-Key` for every request. */
  readonly idempotencyKey: boolean;
  /** One starting token per client; the number of clients is their number. */
  readonly tokens: readonly string[];
  /** Requests of this first part are made but not counted. */
  readonly warmupSeconds: number;
  readonly seconds: number;
}

/** What one round measured. */
export interface LoadResult {
  /** Refreshes per second in the counted part. */
  readonly perSecond: number;
  /** Refreshes in the counted part; and in the whole round, warm-up included. */
  readonly counted: number;
  readonly total: number;
  /** Milliseconds from the first byte sent to the last byte read. */
  readonly p50Milliseconds: number;
  readonly p99Milliseconds: number;
  /** CPU share of the generator during the round: near 1 means that it was the bottleneck. */
  readonly generatorCpuShare: number;
}

/** A round that went wrong: an answer that was not a rotation. The benchmark stops. */
export interface LoadFailure {
  readonly failure: string;
}
