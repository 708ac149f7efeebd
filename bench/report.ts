// Turns results into the table on stdout and the file results/latest.json. Owns the targets and how they are judged; it
// measures nothing and fails nothing: a figure from a busy machine is no reason to stop a build.

import type { Machine } from "./machine.ts";
import type { Argon2Result, MicroRow } from "./micro.ts";
import type { RefreshRow } from "./refresh.ts";
import type { SizeResult } from "./size.ts";
import type { StartupResult } from "./startup.ts";
import type { Spread } from "./statistics.ts";

/** Where, when and with what the figures were taken. */
export interface Circumstances extends Machine {
  readonly date: string;
  readonly command: string;
  readonly packages: Readonly<Record<string, string>>;
  /** Servers on core 0, load generator on core 1. */
  readonly pinned: boolean;
  /** One-minute load average before the run. */
  readonly loadBefore: number;
}

/** Everything one run measured; parts that were left out are absent. */
export interface Results {
  readonly circumstances: Circumstances;
  readonly refresh?: readonly RefreshRow[];
  readonly size?: readonly SizeResult[];
  readonly startup?: StartupResult;
  readonly micro?: { readonly rows: readonly MicroRow[]; readonly argon2: Argon2Result };
}

/** A promise of the project with what was measured. */
export interface Target {
  readonly what: string;
  readonly wanted: string;
  readonly measured: number;
  readonly met: boolean;
}

/** One-minute load average up to which the machine counts as quiet. */
const quietLoadMax = 0.5;
const bareShareMin = 0.6;
const peerFactorMin = 2;
const sessionBytesMax = 300;
const readyMillisecondsMax = 300;
const idleMegabytesMax = 80;

function atLeast(what: string, measured: number, min: number): Target {
  return { what, wanted: `>= ${min}`, measured, met: measured >= min };
}

function atMost(what: string, measured: number, max: number): Target {
  return { what, wanted: `<= ${max}`, measured, met: measured <= max };
}

function refreshTargets(rows: readonly RefreshRow[]): Target[] {
  return rows
    .filter(({ name }) => name.startsWith("pawl"))
    .flatMap(({ title, ratioToBare, ratioToPeer }) => [
      atLeast(`refresh, ${title} / bare minimum`, ratioToBare.median, bareShareMin),
      ...(ratioToPeer === undefined
        ? []
        : [atLeast(`refresh, ${title} / node-oidc-provider`, ratioToPeer.median, peerFactorMin)]),
    ]);
}

/** Judges what was measured. */
export function targetsOf(results: Results): Target[] {
  const { refresh, size, startup, micro } = results;
  const signing = micro?.rows.find(({ group, title }) => group === "ES256 sign" && title.startsWith("DER"));
  return [
    ...(refresh === undefined ? [] : refreshTargets(refresh)),
    ...(size ?? []).map(({ bytesPerSession, sessions, refreshes }) =>
      atMost(`bytes a session (${sessions} sessions, ${refreshes} refreshes each)`, bytesPerSession, sessionBytesMax),
    ),
    ...(startup === undefined
      ? []
      : [
          atMost("ready, first start, ms", startup.firstStartMilliseconds.median, readyMillisecondsMax),
          atMost("ready, later start, ms", startup.laterStartMilliseconds.median, readyMillisecondsMax),
          atMost("idle memory, MB", startup.idleMegabytes, idleMegabytesMax),
        ]),
    ...(signing === undefined ? [] : [atLeast("ES256 sign, our way / ieee-p1363", signing.ratioToFirst.median, 1)]),
  ];
}

/** Three significant digits, no exponent. */
function figure(value: number): string {
  if (!Number.isFinite(value)) return "-";
  if (Math.abs(value) >= 100) return String(Math.round(value));
  return value.toFixed(Math.abs(value) >= 10 ? 1 : 2);
}

function withSpread({ median, min, max }: Spread): string {
  return `${figure(median)} (${figure(min)}-${figure(max)})`;
}

/** Lines of a table with aligned columns; the first `texts` columns are text, the others are figures. */
export function columns(head: readonly string[], rows: readonly (readonly string[])[], texts = 1): string {
  const all = [head, ...rows];
  const widths = head.map((_, column) => Math.max(...all.map((row) => (row[column] ?? "").length)));
  const line = (row: readonly string[]): string =>
    row
      .map((cell, column) =>
        column < texts ? cell.padEnd(widths[column] as number) : cell.padStart(widths[column] as number),
      )
      .join("  ");
  return [line(head), line(widths.map((width) => "-".repeat(width))), ...rows.map(line)].join("\n");
}

function refreshTable(rows: readonly RefreshRow[]): string {
  const head = [
    "refresh over HTTP",
    "per second",
    "/ bare",
    "/ oidc",
    "CPU us each",
    "bare CPU / its",
    "p50 ms",
    "p99 ms",
  ];
  const cells = rows.map((row) => [
    row.title,
    withSpread(row.perSecond),
    withSpread(row.ratioToBare),
    row.ratioToPeer === undefined ? "-" : withSpread(row.ratioToPeer),
    withSpread(row.cpuMicroseconds),
    withSpread(row.cpuRatioToBare),
    figure(row.p50Milliseconds.median),
    figure(row.p99Milliseconds.median),
  ]);
  const busiest = Math.max(...rows.map((row) => row.generatorCpuShare.max));
  return `${columns(head, cells)}\nload generator: at most ${figure(busiest)} of its core`;
}

function startupTable(startup: StartupResult): string {
  return columns(
    ["start and memory", "Pawl", "bare Node", "ratio"],
    [
      ["ready, first start, ms", startup.firstStartMilliseconds, startup.bareNodeMilliseconds] as const,
      ["ready, later start, ms", startup.laterStartMilliseconds, startup.bareNodeMilliseconds] as const,
    ]
      .map(([title, ours, bare]) => [title, withSpread(ours), withSpread(bare), figure(ours.median / bare.median)])
      .concat([
        [
          "idle memory, MB",
          figure(startup.idleMegabytes),
          figure(startup.bareNodeIdleMegabytes),
          figure(startup.idleMegabytes / startup.bareNodeIdleMegabytes),
        ],
      ]),
  );
}

function sizeTable(sizes: readonly SizeResult[]): string {
  return columns(
    ["SQLite file", "sessions", "refreshes each", "bytes a session"],
    sizes.map((size) => [
      size.logIsGone ? "closed, log gone" : "CLOSED, BUT A LOG IS LEFT",
      String(size.sessions),
      String(size.refreshes),
      figure(size.bytesPerSession),
    ]),
  );
}

function microTable({ rows, argon2 }: NonNullable<Results["micro"]>): string {
  const steps = columns(
    ["one step, one core", "", "per second", "us", "/ first"],
    rows.map(({ group, title, perSecond, ratioToFirst }) => [
      group,
      title,
      withSpread(perSecond),
      figure(1e6 / perSecond.median),
      withSpread(ratioToFirst),
    ]),
    2,
  );
  const { aloneMilliseconds, eightAtOnceMilliseconds } = argon2;
  return `${steps}\nargon2id (19 MiB, 2, 1): ${withSpread(aloneMilliseconds)} ms alone, ${withSpread(eightAtOnceMilliseconds)} ms for eight at once`;
}

function circumstancesText(it: Circumstances): string {
  const packages = Object.entries(it.packages).map(([name, version]) => `${name} ${version}`);
  return [
    `${it.cpu}, ${it.cores} cores, ${it.memoryGigabytes} GB, ${it.system}; load before ${figure(it.loadBefore)}; ${it.pinned ? "servers on core 0, load on core 1" : "not pinned"}`,
    `Node ${it.node}, OpenSSL ${it.openssl}, SQLite ${it.sqlite}; ${packages.join(", ")}`,
    `${it.date}  ${it.command}`,
    "Median (smallest-largest) over rounds. Ratios are formed inside a round; compare ratios, not figures of two runs.",
  ].join("\n");
}

/** The whole report as text. */
export function reportText(results: Results): string {
  const targets = targetsOf(results).map(({ what, wanted, measured, met }) => [
    what,
    wanted,
    figure(measured),
    met ? "met" : "MISSED",
  ]);
  const isBusy = results.circumstances.loadBefore > quietLoadMax;
  return [
    circumstancesText(results.circumstances),
    ...(isBusy ? ["BUSY MACHINE: rates and times below say little, met or missed; of them trust only CPU us."] : []),
    ...(results.refresh === undefined ? [] : [refreshTable(results.refresh)]),
    ...(results.startup === undefined ? [] : [startupTable(results.startup)]),
    ...(results.size === undefined ? [] : [sizeTable(results.size)]),
    ...(results.micro === undefined ? [] : [microTable(results.micro)]),
    columns(["target", "wanted", "measured", ""], targets),
  ].join("\n\n");
}
