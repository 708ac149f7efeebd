// Metrics of several processes of one server as one text: sums, but for the few figures that do not add up. Works on the
// text that metrics.ts prints, so a new metric needs no second definition. Knows no process.

/** Figures of which the largest, or the smallest, says what one asks for. */
const chosen: Readonly<Record<string, (a: number, b: number) => number>> = {
  pawl_revocation_feed_lag_seconds: Math.max,
  process_start_time_seconds: Math.min,
};

/** Merges texts of metrics.ts; series keep the order in which they first came. */
export function mergeMetrics(texts: readonly string[]): string {
  const families = new Map<string, { head: string[]; values: Map<string, number> }>();
  for (const text of texts) {
    let family = { head: [] as string[], values: new Map<string, number>() };
    for (const line of text.split("\n")) {
      const [, help] = /^# HELP (\S+) /.exec(line) ?? [];
      if (help !== undefined) {
        family = families.get(help) ?? { head: [line], values: new Map() };
        families.set(help, family);
      } else if (line.startsWith("# ")) {
        if (family.head.length < 2) family.head.push(line);
      } else if (line !== "") {
        addSeries(family.values, line);
      }
    }
  }
  const lines = [...families.values()].flatMap(({ head, values }) => [
    ...head,
    ...[...values].map(([series, value]) => `${series} ${value}`),
  ]);
  return `${lines.join("\n")}\n`;
}

function addSeries(values: Map<string, number>, line: string): void {
  const cut = line.lastIndexOf(" ");
  const series = line.slice(0, cut);
  const value = Number(line.slice(cut + 1));
  const before = values.get(series);
  if (before === undefined) values.set(series, value);
  else
    values.set(
      series,
      Object.hasOwn(chosen, series) ? (chosen[series] as typeof Math.max)(before, value) : before + value,
    );
}
