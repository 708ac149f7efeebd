// Is this password a common one? The blocklist of NIST SP 800-63B-4 section 3.1.1.2 and ASVS 5 section 6.2.4, as rules
// over a short list of words (common-words.ts) instead of a long list of strings: what people do to a word to satisfy
// a length rule is regular. Owns those rules. Compares only: no entropy estimate, no composition rule.

import { commonWords, frequentWords, runLines } from "./common-words.ts";

/** Digits and punctuation around a common word that do not save it: enough for a date or a telephone number. */
const decorationMax = 10;
/** The same around two frequent words. */
const pairDecorationMax = 4;
/** A unit this short is a common password however often it is repeated. */
const repeatedUnitMax = 4;
const repeatsMin = 3;
const pairCharactersMax = 64;
/** Only so much of a password is looked at: what is common this far has no better rest, and the work stays bounded. */
const charactersMax = 256;
const runCharactersMin = 3;
const pairRunCharactersMin = 4;

const decoration = /[\p{N}\p{P}\p{S}\s]/u;
const separators = /[\p{P}\p{S}\s]+/gu;

const reverse = (text: string): string => [...text].reverse().join("");

/** Every three neighbours of a run line, both ways. */
const runTriples: ReadonlySet<string> = new Set(
  runLines
    .flatMap((line) => [line, reverse(line)])
    .flatMap((line) =>
      Array.from({ length: line.length - runCharactersMin + 1 }, (_, at) => line.slice(at, at + runCharactersMin)),
    ),
);

/** True when the text is nothing but runs of neighbours, each of at least three. */
function isRuns(text: string): boolean {
  // Whether the text up to the last three ends is nothing but runs, the newest in the lowest bit.
  let covered = 0b100;
  for (let end = runCharactersMin; end <= text.length; end++) {
    // A triple begins a run where the text before it is covered, or prolongs the run that ends one before.
    const reached = (covered & 0b101) !== 0 && runTriples.has(text.slice(end - runCharactersMin, end));
    covered = ((covered << 1) & 0b111) | (reached ? 1 : 0);
    if (covered === 0) return false;
  }
  return text.length >= runCharactersMin && (covered & 1) === 1;
}

/** The length of the shortest unit that, repeated (the last time perhaps cut off), gives the text. */
function unitLength(text: string): number {
  // Knuth, Morris and Pratt: the longest border of every prefix.
  const borders: number[] = [0];
  let border = 0;
  for (let at = 1; at < text.length; at++) {
    while (border > 0 && text[at] !== text[border]) border = borders[border - 1] ?? 0;
    if (text[at] === text[border]) border += 1;
    borders.push(border);
  }
  return text.length - border;
}

function unitOf(text: string): string {
  return text.slice(0, unitLength(text));
}

function distinct(texts: readonly string[]): readonly string[] {
  return [...new Set(texts)];
}

const lookAlikes: readonly (readonly [RegExp, string])[] = [
  [/0/g, "o"],
  [/3/g, "e"],
  [/[4@]/g, "a"],
  [/[5$]/g, "s"],
  [/7/g, "t"],
  [/8/g, "b"],
];

/** The text as it is and with look-alike characters read as letters: 1 and ! once as i, once as l. */
export function readings(text: string): string[] {
  const plain = lookAlikes.reduce((read, [from, to]) => read.replace(from, to), text);
  return [text, plain.replace(/[1!|]/g, "i"), plain.replace(/[1!|]/g, "l")];
}

function isPairPart(text: string): boolean {
  return frequentWords.has(text) || (text.length >= pairRunCharactersMin && isRuns(text));
}

function isPair(text: string): boolean {
  if (text.length > pairCharactersMax) return false;
  for (let cut = 1; cut < text.length; cut++) {
    if (isPairPart(text.slice(0, cut)) && isPairPart(text.slice(cut))) return true;
  }
  return false;
}

/** True when one stretch, without the `removed` characters of decoration around it, is common. */
function isCommonCore(core: string, removed: number): boolean {
  const joined = core.replace(separators, "");
  const candidates = distinct([...readings(core), ...readings(joined)]).flatMap((text) => {
    const unit = unitOf(text);
    return unit === text ? [text, text + text] : [text, unit, unit + unit];
  });
  if (candidates.some((text) => commonWords.has(text) || isRuns(text) || isRepeated(text))) return true;
  return removed + (core.length - joined.length) <= pairDecorationMax && candidates.some(isPair);
}

/** True when the text is common as it is or with digits and punctuation around it. */
function isCommonUnit(unit: string): boolean {
  let start = 0;
  while (start < unit.length && decoration.test(unit[start] ?? "")) start += 1;
  // Words end in digits too (trustno1), so decoration is taken off character by character.
  for (let end = unit.length; end > 0 && unit.length - end <= decorationMax; end--) {
    if (isCommonCore(unit.slice(0, end), unit.length - end)) return true;
    const removed = start + unit.length - end;
    if (start > 0 && start < end && removed <= decorationMax && isCommonCore(unit.slice(start, end), removed))
      return true;
    if (!decoration.test(unit[end - 1] ?? "")) return false;
  }
  return false;
}

/** True when a short unit stands there again and again. */
function isRepeated(text: string): boolean {
  const length = unitLength(text);
  return text !== "" && length <= repeatedUnitMax && text.length >= repeatsMin * length;
}

/** True when a short unit was typed again and again, or a few keys were held down. */
function isHeldDown(text: string, collapsed: string): boolean {
  const held = collapsed.length <= repeatedUnitMax && text.length >= repeatsMin * collapsed.length;
  return held || isRepeated(text) || (text.length > repeatedUnitMax && new Set(text).size <= 2);
}

/**
 * True for a password that many people use, in any case: a common word or keyboard run, alone, repeated, with digits
 * or punctuation around it or with look-alike characters in it; two frequent words; a short unit repeated.
 */
export function isCommonPassword(password: string): boolean {
  // Compatibility forms (full-width letters) hide a word from the eye of nobody.
  const text = password.slice(0, charactersMax).normalize("NFKC").toLowerCase().slice(0, charactersMax);
  const collapsed = text.replace(/(.)\1+/gsu, "$1");
  if (isHeldDown(text, collapsed)) return true;
  const stretches = distinct([text, text.replace(separators, ""), collapsed]);
  return distinct([...stretches, ...stretches.map(unitOf)]).some(isCommonUnit);
}
