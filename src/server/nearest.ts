// "Did you mean": the known word nearest to a mistyped one, by edit distance.
// Owns the distance and how far is still near; used for flags, variables, members of the configuration and commands.

/** Longer words are not compared: a mistyped word is short. */
const wordCharactersMax = 64;

/** How many single-character edits lead from `from` to `to` (Levenshtein). */
function editDistance(from: string, to: string): number {
  let row = Array.from({ length: to.length + 1 }, (_, index) => index);
  for (let i = 1; i <= from.length; i++) {
    const next = [i];
    for (let j = 1; j <= to.length; j++) {
      const replace = (row[j - 1] ?? 0) + (from[i - 1] === to[j - 1] ? 0 : 1);
      next.push(Math.min(replace, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1));
    }
    row = next;
  }
  return row[to.length] ?? 0;
}

/** How many edits are still a typing mistake: a third of the word, and two exchanged letters in a short one. */
function editsMax(word: string): number {
  return Math.max(word.length < 4 ? 1 : 2, Math.floor(word.length / 3));
}

/** The known word nearest to `word`, or `undefined` when none is near. */
export function nearest(word: string, known: readonly string[]): string | undefined {
  if (word.length > wordCharactersMax) return undefined;
  const asked = word.toLowerCase();
  let best: string | undefined;
  let bestDistance = editsMax(word) + 1;
  for (const each of known) {
    const distance = editDistance(asked, each.toLowerCase());
    if (distance < bestDistance) [best, bestDistance] = [each, distance];
  }
  return best;
}

/** `; did you mean "serve"?`, or nothing. */
export function suggestion(word: string, known: readonly string[]): string {
  const best = nearest(word, known);
  return best === undefined ? "" : `; did you mean ${best}?`;
}
