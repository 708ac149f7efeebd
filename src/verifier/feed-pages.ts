// What the revocation feed says (docs/reference/endpoints.md): pages of entries, read strictly, and the events of a stream that
// carry them (WHATWG HTML section 9.2). Owns the forms; keeps nothing.

/** One entry: tokens of a session, or tokens of a subject from before an instant. Instants in seconds. */
export interface Revocation {
  readonly sid: string | undefined;
  readonly sub: string | undefined;
  readonly notBefore: number;
  readonly exp: number;
}

/** One page. */
export interface Page {
  readonly cursor: string;
  readonly revocations: readonly Revocation[];
  /** There is more already: what is known is not complete yet. */
  readonly more: boolean;
}

/** What a page may hold. */
const entriesMax = 10_000;
const cursorCharactersMax = 256;
const idCharactersMax = 512;
/** Longer than any event; a stream that sends more without a line end is cut off. */
const lineCharactersMax = 4 * 1024 * 1024;

function idOf(value: unknown): string | undefined {
  return typeof value === "string" && value.length <= idCharactersMax ? value : undefined;
}

/** @throws Error for anything that is no page */
export function readPage(text: string): Page {
  const page = JSON.parse(text) as { cursor?: unknown; revocations?: unknown; more?: unknown };
  const { cursor, revocations } = page;
  if (typeof cursor !== "string" || cursor.length > cursorCharactersMax) throw new Error("a page without a cursor");
  if (!Array.isArray(revocations) || revocations.length > entriesMax) throw new Error("a page without entries");
  return {
    cursor,
    more: page.more === true,
    revocations: revocations.map((entry: Record<string, unknown>) => {
      const { not_before: notBefore, exp } = entry;
      const read = { sid: idOf(entry.sid), sub: idOf(entry.sub), notBefore: Number(notBefore), exp: Number(exp) };
      const isWhole = Number.isSafeInteger(notBefore) && Number.isSafeInteger(exp);
      if (!isWhole || (read.sid === undefined) === (read.sub === undefined))
        throw new Error("an entry of another form");
      return read;
    }),
  };
}

/**
 * Reads events out of the text of a stream, in whatever pieces it comes.
 * @param found is given the data of each event
 * @param isOurs is given the text of each comment line: false for one that somebody in between added
 * @returns the reader; it says whether there was anything of the issuer in what it read
 */
export function createEventReader(
  found: (data: string) => void,
  isOurs: (comment: string) => boolean,
): (text: string) => boolean {
  let rest = "";
  let data: string[] = [];
  const readLine = (line: string): boolean => {
    if (line === "") {
      if (data.length > 0) found(data.join("\n"));
      data = [];
      return false;
    }
    if (line.startsWith(":")) return isOurs(line.slice(1).trim());
    if (line.startsWith("data:")) data.push(line.slice(line[5] === " " ? 6 : 5));
    return true;
  };
  return (text) => {
    const lines = (rest + text).split(/\r\n|\n|\r(?!$)/);
    rest = lines.pop() as string;
    if (rest.length > lineCharactersMax) throw new Error("an event without an end");
    const heard = lines.map(readLine).includes(true);
    return heard || (rest !== "" && !rest.startsWith(":"));
  };
}
