// The pieces of a diagram as SVG text, and the style that makes them legible on light and on dark.
// Owns markup, colours and the escaping of text; knows nothing of tokens' meaning or of where a piece goes.

import type { Tone } from "./story.ts";

/** Pixels; also what a page of documentation leaves for a picture. */
export const pictureWidth = 760;
/** Pixels of a token chip. */
export const chipWidth = 34;
export const chipHeight = 18;

/** Text safe between tags and in attributes. */
export function escapeText(text: string): string {
  return text.replace(/[&<>"]/g, (found) => `&#${found.charCodeAt(0)};`);
}

/** Fill, border and letters of chips, one line per colour; light first, then dark. */
const chipColours: readonly (readonly [string, string, string, string, string, string])[] = [
  ["#e5e7eb", "#6b7280", "#1f2937", "#374151", "#9ca3af", "#f3f4f6"],
  ["#dbeafe", "#2563eb", "#1e3a8a", "#1e3a8a", "#60a5fa", "#dbeafe"],
  ["#ffedd5", "#ea580c", "#7c2d12", "#7c2d12", "#fb923c", "#ffedd5"],
  ["#dcfce7", "#16a34a", "#14532d", "#14532d", "#4ade80", "#dcfce7"],
  ["#f3e8ff", "#9333ea", "#581c87", "#581c87", "#c084fc", "#f3e8ff"],
  ["#fce7f3", "#db2777", "#831843", "#831843", "#f472b6", "#fce7f3"],
  ["#cffafe", "#0891b2", "#164e63", "#164e63", "#22d3ee", "#cffafe"],
  ["#fef9c3", "#a16207", "#713f12", "#713f12", "#facc15", "#fef9c3"],
];

/** Colours a chip can have; a story with more tokens begins anew. */
export const chipColoursCount: number = chipColours.length;

const light = `
  .page { fill: #ffffff; } text { fill: #1f2328; } .soft { fill: #57606a; }
  .life { stroke: #c3c9d1; } .head { fill: #f3f4f6; stroke: #8b949e; }
  .call { stroke: #57606a; } .tip { fill: #57606a; }
  .t-good { stroke: #1a7f37; } .f-good { fill: #1a7f37; } .t-waits { stroke: #9a6700; } .f-waits { fill: #855800; }
  .t-refused { stroke: #cf222e; } .f-refused { fill: #cf222e; }
  .gap { fill: #f3f4f6; } .end-good { fill: #dafbe1; stroke: #1a7f37; } .end-refused { fill: #ffebe9; stroke: #cf222e; }
  .on-good { fill: #116329; } .on-refused { fill: #a40e26; }`;
const dark = `
  .page { fill: #0d1117; } text { fill: #e6edf3; } .soft { fill: #9da7b3; }
  .life { stroke: #3d444d; } .head { fill: #21262d; stroke: #768390; }
  .call { stroke: #9da7b3; } .tip { fill: #9da7b3; }
  .t-good { stroke: #3fb950; } .f-good { fill: #56d364; } .t-waits { stroke: #d29922; } .f-waits { fill: #e3b341; }
  .t-refused { stroke: #f85149; } .f-refused { fill: #ff7b72; }
  .gap { fill: #161b22; } .end-good { fill: #12261e; stroke: #3fb950; } .end-refused { fill: #2d1214; stroke: #f85149; }
  .on-good { fill: #7ee787; } .on-refused { fill: #ffa198; }`;

function chipRules(at: 0 | 3): string {
  return chipColours
    .map((colours, number) => {
      const [fill, border, letters] = colours.slice(at, at + 3);
      return `  .c${number} { fill: ${fill}; stroke: ${border}; } text.n${number}, tspan.n${number} { fill: ${letters}; }`;
    })
    .join("\n");
}

/** The style sheet of every diagram. */
export const styleSheet: string = `
  text { font: 12px system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif; }
  .title { font-size: 15px; font-weight: 600; } .lane, .end { font-weight: 600; } .chip { font-size: 11px; font-weight: 600; }
  .chip, .lane, .gaptext, .end { text-anchor: middle; } .small { font-size: 11px; }
  .life { stroke-width: 1; } .call { fill: none; stroke-width: 1.4; } .answer { stroke-dasharray: 5 3; }
  .old { stroke-dasharray: 3 2; fill-opacity: 0.55; } .cross { stroke-width: 2.2; } .strike { stroke-width: 1.4; }${light}
${chipRules(0)}
  @media (prefers-color-scheme: dark) {${dark}
${chipRules(3)}
  }
`;

const rounded = (value: number): number => Math.round(value * 10) / 10;

/** A line of text. `extra` are classes. */
export function textAt(x: number, y: number, text: string, extra = ""): string {
  const named = extra === "" ? "" : ` class="${extra}"`;
  return `<text x="${rounded(x)}" y="${rounded(y)}"${named}>${escapeText(text)}</text>`;
}

/** A token chip around a point; `isOld` = used up. */
export function chipAt(x: number, y: number, name: string, colour: number, isOld = false): string {
  const left = rounded(x - chipWidth / 2);
  const box = `<rect x="${left}" y="${rounded(y - chipHeight / 2)}" width="${chipWidth}" height="${chipHeight}" rx="6" class="c${colour}${isOld ? " old" : ""}"/>`;
  const strike = isOld ? `<path d="M${left + 4} ${rounded(y)}h${chipWidth - 8}" class="strike c${colour}"/>` : "";
  return box + textAt(x, y + 4, name, `chip n${colour}`) + strike;
}

/** A point. */
export interface Point {
  readonly x: number;
  readonly y: number;
}

/** An arrow; dashed for an answer. With `isLost` it stops half way, in a cross. */
export function arrow(from: Point, to: Point, tone: Tone, isAnswer: boolean, isLost = false): string {
  const end = isLost ? { x: from.x + (to.x - from.x) * 0.45, y: from.y + (to.y - from.y) * 0.45 } : to;
  const colour = tone === "plain" ? "" : ` t-${tone}`;
  const path = `<path d="M${rounded(from.x)} ${rounded(from.y)}L${rounded(end.x)} ${rounded(end.y)}" class="call${colour}${isAnswer ? " answer" : ""}"/>`;
  return path + (isLost ? cross(end) : tip(from, end, tone));
}

function cross({ x, y }: Point): string {
  const [left, top] = [rounded(x - 5), rounded(y - 5)];
  return `<path d="M${left} ${top}l10 10m0 -10l-10 10" class="call cross t-refused"/>`;
}

function tip(from: Point, to: Point, tone: Tone): string {
  const angle = Math.atan2(to.y - from.y, to.x - from.x);
  const corner = (turn: number): string =>
    `${rounded(to.x - 9 * Math.cos(angle + turn))} ${rounded(to.y - 9 * Math.sin(angle + turn))}`;
  return `<path d="M${rounded(to.x)} ${rounded(to.y)}L${corner(0.42)}L${corner(-0.42)}z" class="${tone === "plain" ? "tip" : `f-${tone}`}"/>`;
}
