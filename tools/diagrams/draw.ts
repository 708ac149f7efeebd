// Draws a story as one SVG file that needs nothing else: columns for who takes part, time from top to bottom, sentences
// at the right. Owns where everything goes; no words and no rule.

import type { Point } from "./shapes.ts";
import {
  arrow,
  chipAt,
  chipColoursCount,
  chipHeight,
  chipWidth,
  escapeText,
  pictureWidth,
  styleSheet,
  textAt,
} from "./shapes.ts";
import type { Call, Lane, Line, Row, Story } from "./story.ts";
import { capital, endWords } from "./words.ts";

/** Pixels. */
const lanesLeft = 56;
const lanesRight = 424;
const textLeft = 478;
const lineHeight = 16;
const headTop = 64;
const headHeight = 26;
const gapHeight = 24;
/** Characters of a sentence per line, for the widest of the usual system fonts. */
const textColumns = 39;
/** Characters of the sentence below the title per line. */
const aboutColumns = 110;
/** Pixels below the top of a row at which its request and its answer are. */
const requestAt = 11;
const answerAt = 31;
const stateAt = 52;

interface Layout {
  readonly story: Story;
  readonly xOf: (lane: Lane) => number;
  readonly colourOf: (token: string) => number;
  readonly tops: readonly number[];
  readonly texts: readonly (readonly Line[])[];
  /** Where the lifelines end. */
  readonly bottom: number;
}

/** The whole file. */
export function draw(story: Story): string {
  const layout = layOut(story);
  const { bottom } = layout;
  const height = bottom + 86;
  const parts = [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${pictureWidth}" height="${height}" viewBox="0 0 ${pictureWidth} ${height}" role="img" aria-labelledby="title desc">`,
    `<title id="title">${escapeText(capital(story.name))}</title>`,
    `<desc id="desc">${escapeText(described(story))}</desc>`,
    `<style>${styleSheet}</style>`,
    `<rect width="${pictureWidth}" height="${height}" rx="8" class="page"/>`,
    ...heading(layout),
    ...story.rows.flatMap((row, position) => (row.gap === undefined ? [] : [gap(layout, position, row.gap)])),
    ...story.calls.flatMap((call) => lines(layout, call)),
    ...story.rows.flatMap((row, position) => marks(layout, row, position)),
    ...story.calls.map((call) => presented(layout, call)),
    ...layout.texts.flatMap((text, position) => sentences(layout, text, position)),
    ...ending(layout),
    "</svg>",
  ];
  return `${parts.join("\n")}\n`;
}

/** The picture in words, for those who do not see it. */
function described(story: Story): string {
  const rows = story.rows.flatMap(({ gap: span, lines: told }) =>
    span === undefined ? told.map((each) => each.text) : [span],
  );
  return `${capital(story.about)}. ${rows.map((text) => capital(text.replace(/^[→✕] /, ""))).join(". ")}. ${endOf(story)}.`;
}

function endOf({ end, name }: Story): string {
  if (end === undefined) throw new Error(`${name} ends in no way that a picture can say`);
  return endWords[end];
}

function layOut(story: Story): Layout {
  const { lanes, rows } = story;
  const step = (lanesRight - lanesLeft) / (lanes.length - 1);
  const handedOut = story.calls.flatMap(({ token, gives }) => (gives === undefined ? [token] : [token, gives]));
  const names = [...new Set(handedOut)];
  const texts = rows.map((row) => row.lines.flatMap(wrapped));
  const tops: number[] = [];
  let top = headTop + headHeight + 12;
  for (const [position, row] of rows.entries()) {
    tops.push(top);
    top += heightOf(story, row, position, (texts[position] as readonly Line[]).length);
  }
  return {
    story,
    xOf: (lane) => lanesLeft + step * lanes.indexOf(lane),
    colourOf: (token) => names.indexOf(token) % chipColoursCount,
    tops,
    texts,
    bottom: top,
  };
}

function heightOf({ calls }: Story, row: Row, position: number, textLines: number): number {
  if (row.gap !== undefined) return gapHeight + 12;
  const isBoth = calls.some((call) => call.sentRow === position && call.workedRow === position);
  const used = row.state === undefined || position === 0 ? (isBoth ? answerAt + 14 : 28) : stateAt + 16;
  return Math.max(used, textLines * lineHeight + 12);
}

/** A sentence in lines that fit. */
function wrapped({ text, tone }: Line): Line[] {
  const done: Line[] = [];
  let line = "";
  for (const word of text.split(" ")) {
    const longer = line === "" ? word : `${line} ${word}`;
    if (longer.length <= textColumns || line === "") line = longer;
    else {
      done.push({ text: line, tone });
      line = `\u00a0\u00a0\u00a0${word}`;
    }
  }
  return [...done, { text: line, tone }];
}

function heading(layout: Layout): string[] {
  const { story, xOf, bottom } = layout;
  const width = story.lanes.length === 4 ? 92 : 104;
  return [
    textAt(20, 28, capital(story.name), "title"),
    ...aboutLines(story.about).map((text, position) => textAt(20, 46 + position * 14, text, "small soft")),
    ...story.lanes.map((lane) => `<path d="M${xOf(lane)} ${headTop + 14 + headHeight}V${bottom}" class="life"/>`),
    ...story.lanes.map(
      (lane) =>
        `<rect x="${xOf(lane) - width / 2}" y="${headTop + 4}" width="${width}" height="${headHeight}" rx="5" class="head"/>` +
        textAt(xOf(lane), headTop + 21, capital(lane), "lane"),
    ),
  ];
}

/** What the trace is about, in at most two lines. */
function aboutLines(about: string): string[] {
  const text = capital(about);
  if (text.length <= aboutColumns) return [text];
  const cut = text.lastIndexOf(" ", aboutColumns);
  return [text.slice(0, cut), text.slice(cut + 1)];
}

function gap({ tops }: Layout, position: number, span: string): string {
  const y = (tops[position] as number) + 2;
  const middle = (lanesLeft + lanesRight) / 2;
  return `<rect x="12" y="${y}" width="${pictureWidth - 24}" height="${gapHeight}" rx="4" class="gap"/>${textAt(middle, y + 16, span, "gaptext soft")}`;
}

function endsOf({ tops, xOf }: Layout, call: Call): { sent: Point; worked: Point; answered: Point; arrived: Point } {
  const top = (row: number): number => tops[row] as number;
  const { sentRow, workedRow = sentRow + 1, arrivedRow = workedRow + 1 } = call;
  const target: Lane = call.gives === undefined || call.from === "thief" ? call.from : "cookie jar";
  const isTogether = workedRow === sentRow;
  const workedY = top(workedRow) + requestAt + (isTogether ? 3 : 0);
  const answeredY = isTogether ? top(workedRow) + answerAt - 3 : workedY + 5;
  const arrivedY =
    arrivedRow === workedRow ? answeredY + (isTogether ? 3 : 6) : (top(arrivedRow) ?? answeredY + 24) + requestAt;
  return {
    sent: { x: xOf(call.from), y: top(sentRow) + requestAt },
    worked: { x: xOf("server"), y: workedY },
    answered: { x: xOf("server"), y: answeredY },
    arrived: { x: xOf(target), y: arrivedY },
  };
}

function lines(layout: Layout, call: Call): string[] {
  const { sent, worked, answered, arrived } = endsOf(layout, call);
  const request = arrow(sent, worked, "plain", false, call.workedRow === undefined);
  if (call.workedRow === undefined) return [request];
  return [request, arrow(answered, arrived, call.tone, true, call.arrivedRow === undefined)];
}

/** The chip of the token that a request carries, near where it starts. */
function presented(layout: Layout, call: Call): string {
  const { sent, worked } = endsOf(layout, call);
  const way = (Math.sign(worked.x - sent.x) * 30) / (worked.x - sent.x);
  const at = { x: sent.x + (worked.x - sent.x) * way, y: sent.y + (worked.y - sent.y) * way };
  return chipAt(at.x, at.y, call.token, layout.colourOf(call.token));
}

function marks(layout: Layout, row: Row, position: number): string[] {
  const { tops, xOf, colourOf, story } = layout;
  const top = tops[position] as number;
  const found: string[] = [];
  if (row.mark !== undefined) {
    const [x, y] = [xOf(row.mark), top + requestAt];
    found.push(`<path d="M${x} ${y - 8}l8 8l-8 8l-8 -8z" class="head"/>`);
  }
  if (row.holds !== undefined) {
    const arriving = story.calls.find((call) => call.arrivedRow === position && call.gives !== undefined);
    const y = arriving === undefined ? top + requestAt : endsOf(layout, arriving).arrived.y;
    const side = row.holds.lane === "thief" && arriving !== undefined ? chipWidth / 2 : 0;
    found.push(chipAt(xOf(row.holds.lane) + side, y, row.holds.token, colourOf(row.holds.token)));
  }
  if (row.state !== undefined) found.push(stateAtServer(layout, row, position));
  return found;
}

/** What the server knows: the current token, and the one before it, struck through. */
function stateAtServer(layout: Layout, { state }: Row, position: number): string {
  const { tops, xOf, colourOf } = layout;
  const y = (tops[position] as number) + (position === 0 ? requestAt : stateAt);
  const x = xOf("server");
  if (state === undefined) return "";
  if (state.isOver) {
    return `<rect x="${x - 32}" y="${y - 10}" width="64" height="20" rx="6" class="end-refused"/>${textAt(x, y + 4, "revoked", "chip on-refused")}`;
  }
  const frame = (width: number): string =>
    `<rect x="${x - width / 2}" y="${y - 13}" width="${width}" height="${chipHeight + 8}" rx="4" class="head"/>`;
  if (state.previous === undefined) return frame(chipWidth + 10) + chipAt(x, y, state.current, colourOf(state.current));
  const half = chipWidth / 2 + 2;
  return (
    frame(2 * chipWidth + 14) +
    chipAt(x - half, y, state.current, colourOf(state.current)) +
    chipAt(x + half, y, state.previous, colourOf(state.previous), true)
  );
}

function sentences({ tops }: Layout, text: readonly Line[], position: number): string[] {
  const top = tops[position] as number;
  return text.map((line, number) =>
    textAt(textLeft, top + 15 + number * lineHeight, line.text, line.tone === "plain" ? "" : `f-${line.tone}`),
  );
}

const legend = [
  "Solid: a request with its token. Dashed: an answer; with a token it ends at whoever holds that token now.",
  "Boxed on the server's line: the current token and, struck through, the one it replaced.",
];

function ending({ story, bottom }: Layout): string[] {
  const tone = story.end === "revoked" ? "refused" : "good";
  return [
    `<rect x="12" y="${bottom + 6}" width="${pictureWidth - 24}" height="30" rx="6" class="end-${tone}"/>`,
    textAt(pictureWidth / 2, bottom + 26, endOf(story), `end on-${tone}`),
    ...legend.map((text, number) => textAt(20, bottom + 56 + number * 15, text, "small soft")),
  ];
}
