// The figures of the running server as Prometheus text (exposition format 0.0.4): session events, requests, refresh
// outcomes, the revocation feed, memory. Owns names and labels. Labels come from closed lists, so a client cannot grow the table, and no
// label carries a session, a user or an address.

import type { SessionEvent } from "../core/events.ts";
import type { Clock } from "../core/ports.ts";
import type { RevocationFeedState } from "../engine/revocation-feed.ts";

/** Upper bounds of the duration buckets, in seconds. */
const durationBuckets = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10] as const;

/** Collects and prints. */
export interface Metrics {
  /** Counts one answered request. `route` is a pattern, not a path. */
  request(route: string, method: string, status: number, durationMilliseconds: number): void;
  /** Counts one refresh answer by its outcome. */
  refresh(outcome: string): void;
  event(event: SessionEvent): void;
  /** Says whom to ask about the revocation feed. */
  watchFeed(state: () => RevocationFeedState): void;
  text(): string;
}

/** A counter with labels; the caller guarantees that the label sets are few. */
function createCounter(name: string, help: string): { add(labels: string): void; lines(): string[] } {
  const counts = new Map<string, number>();
  return {
    add: (labels) => {
      counts.set(labels, (counts.get(labels) ?? 0) + 1);
    },
    lines: () => [
      `# HELP ${name} ${help}`,
      `# TYPE ${name} counter`,
      ...[...counts].sort(([a], [b]) => (a < b ? -1 : 1)).map(([labels, count]) => `${name}{${labels}} ${count}`),
    ],
  };
}

interface Histogram {
  /** Observations at most as long as each bound; the last place is "longer". */
  readonly counts: number[];
  sumSeconds: number;
}

function observe(histogram: Histogram, seconds: number): void {
  const index = durationBuckets.findIndex((bound) => seconds <= bound);
  const place = index === -1 ? durationBuckets.length : index;
  histogram.counts[place] = (histogram.counts[place] ?? 0) + 1;
  histogram.sumSeconds += seconds;
}

function histogramLines(name: string, help: string, byRoute: ReadonlyMap<string, Histogram>): string[] {
  const lines = [`# HELP ${name} ${help}`, `# TYPE ${name} histogram`];
  for (const [route, { counts, sumSeconds }] of byRoute) {
    let total = 0;
    counts.forEach((count, place) => {
      total += count;
      lines.push(`${name}_bucket{route="${route}",le="${durationBuckets[place] ?? "+Inf"}"} ${total}`);
    });
    lines.push(`${name}_sum{route="${route}"} ${sumSeconds.toFixed(3)}`, `${name}_count{route="${route}"} ${total}`);
  }
  return lines;
}

function figure(type: "gauge" | "counter", name: string, help: string, value: number): string[] {
  return [`# HELP ${name} ${help}`, `# TYPE ${name} ${type}`, `${name} ${value}`];
}

function feedLines({ listeners, told, lagMilliseconds }: RevocationFeedState): string[] {
  const lag = "Time since the store was last read to the end of the feed; 0 while nobody listens.";
  return [
    ...figure("gauge", "pawl_revocation_listeners", "Open listeners of the revocation feed.", listeners),
    ...figure("counter", "pawl_revocations_sent_total", "Revocations handed to listeners, each counted.", told),
    ...figure("gauge", "pawl_revocation_feed_lag_seconds", lag, lagMilliseconds / 1000),
  ];
}

/** Creates empty metrics. */
export function createMetrics(clock: Clock): Metrics {
  const startedAt = clock.now();
  const events = createCounter("pawl_session_events_total", "Session events by type and reason.");
  const requests = createCounter("pawl_http_requests_total", "Answered requests by route, method and status.");
  const refreshes = createCounter("pawl_refreshes_total", "Answers to refresh requests by outcome.");
  const durations = new Map<string, Histogram>();
  let feed: (() => RevocationFeedState) | undefined;
  return {
    request: (route, method, status, durationMilliseconds) => {
      requests.add(`route="${route}",method="${method}",status="${status}"`);
      let histogram = durations.get(route);
      if (histogram === undefined) {
        histogram = { counts: Array.from({ length: durationBuckets.length + 1 }, () => 0), sumSeconds: 0 };
        durations.set(route, histogram);
      }
      // A clock that is set back must not make a sum shrink.
      observe(histogram, Math.max(0, durationMilliseconds) / 1000);
    },
    refresh: (outcome) => refreshes.add(`outcome="${outcome}"`),
    event: ({ type, reason }) =>
      events.add(reason === undefined ? `type="${type}"` : `type="${type}",reason="${reason}"`),
    watchFeed: (state) => {
      feed = state;
    },
    text: () => {
      const memory = process.memoryUsage();
      const lines = [
        ...events.lines(),
        ...refreshes.lines(),
        ...requests.lines(),
        ...histogramLines("pawl_http_request_duration_seconds", "Time from request to answer, by route.", durations),
        ...(feed === undefined ? [] : feedLines(feed())),
        ...figure(
          "gauge",
          "process_start_time_seconds",
          "When this process started serving.",
          Math.floor(startedAt / 1000),
        ),
        ...figure("gauge", "process_resident_memory_bytes", "Resident memory.", memory.rss),
        ...figure("gauge", "nodejs_heap_used_bytes", "JavaScript heap in use.", memory.heapUsed),
        ...figure("gauge", "nodejs_external_memory_bytes", "Memory outside the JavaScript heap.", memory.external),
      ];
      return `${lines.join("\n")}\n`;
    },
  };
}
