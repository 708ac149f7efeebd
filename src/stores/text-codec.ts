// Packs the short texts of a record (user agents, addresses, method names, history) into few bytes, exactly restorable.
// Owns the table of common pieces. The table is part of the stored format: entries are never changed or moved, only
// appended, and there is room for 128. Knows nothing of records; record-codec.ts does.

/** The longest text, in UTF-16 units, that can be packed. */
export const textCharactersMax = 255;
/** The most bytes one packed text takes: length and up to three bytes a unit. */
export const textBytesMax: number = 2 + 3 * textCharactersMax;

/** How the bytes of a text are to be read; the two low bits of its length. */
const inPieces = 0;
const inUtf8 = 1;
const inUtf16 = 2;
const asAddress = 3;

const firstPieceCode = 0x80;

/** Code 0x80 is the first entry. Append only. */
const pieces: readonly string[] = [
  "Mozilla/5.0 (",
  "Windows NT 10.0; Win64; x64",
  "Macintosh; Intel Mac OS X 10_15_7",
  "Macintosh; Intel Mac OS X 10.15",
  "X11; Linux x86_64",
  "X11; Ubuntu; Linux x86_64",
  "X11; CrOS x86_64 14541.0.0",
  "Linux; Android 10; K",
  "Linux; Android ",
  "Android ",
  "iPhone; CPU iPhone OS ",
  "iPad; CPU OS ",
  " like Mac OS X",
  ") AppleWebKit/537.36 (KHTML, like Gecko) Chrome/",
  ") AppleWebKit/537.36 (KHTML, like Gecko) Version/4.0 Chrome/",
  ") AppleWebKit/537.36 (KHTML, like Gecko) ",
  ".0.0.0 Safari/537.36",
  ".0.0.0 Mobile Safari/537.36",
  ".0.0.0 Safari/537.36 Edg/",
  ".0.0.0",
  " Safari/537.36",
  " Mobile Safari/537.36",
  " Edg/",
  " EdgA/",
  " OPR/",
  " YaBrowser/",
  " Vivaldi/",
  " SamsungBrowser/",
  " Electron/",
  ") AppleWebKit/605.1.15 (KHTML, like Gecko) Version/",
  ") AppleWebKit/605.1.15 (KHTML, like Gecko)",
  " Safari/605.1.15",
  " Mobile/15E148 Safari/604.1",
  " Mobile/15E148",
  " Safari/604.1",
  " CriOS/",
  " FxiOS/",
  " EdgiOS/",
  " GSA/",
  "; rv:",
  ".0) Gecko/20100101 Firefox/",
  ".0) Gecko/",
  " Firefox/",
  " Chrome/",
  "Windows NT ",
  "; wv",
  " Build/",
  "Pixel ",
  "; SM-",
  "Mobile",
  "okhttp/",
  "Dart/",
  " (dart:io)",
  " CFNetwork/",
  " Darwin/",
  "curl/",
  "node",
  "undici",
  "axios/",
  "python-requests/",
  "Go-http-client/",
  "PostmanRuntime/",
  "::ffff:",
  "first-party",
  "pwd",
  "otp",
  "mfa",
  "hwk",
  "swk",
  "session_created",
  "refresh_token_rotated",
  "refresh_token_handed_out_again",
  "refresh_token_confirmed",
  "refresh_settled",
  "refresh_superseded",
  "refresh_token_reused",
  "store_rolled_back",
  "session_revoked",
  "session_reauthenticated",
  "a used refresh token",
  "a dead sibling of the current token",
  " came back: generation ",
  ", current ",
  "one acknowledged write was lost",
];

/** Codes of the pieces that start with a character, longest piece first. */
const codesByFirstUnit: readonly (readonly number[])[] = Array.from({ length: 128 }, (_, unit) =>
  pieces
    .map((_piece, index) => index)
    .filter((index) => pieces[index]?.charCodeAt(0) === unit)
    .sort((a, b) => (pieces[b] as string).length - (pieces[a] as string).length)
    .map((index) => index + firstPieceCode),
);

// biome-ignore lint/suspicious/noControlCharactersInRegex: the range is that of ASCII, control characters included.
const asciiOnly = /^[\x00-\x7f]*$/;
const loneSurrogate = /\p{Surrogate}/u;
const dottedQuad = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})$/;

/** True when a database column can hold the text exactly: no lone surrogate (it has no UTF-8) and no NUL. */
export function isPlainText(text: string): boolean {
  return !text.includes("\0") && !loneSurrogate.test(text);
}

/** The packed form of texts met lately: most records repeat the same user agents, methods and history. */
const recent = new Map<string, Uint8Array>();
const recentTextsMax = 512;

/** Writes the text at `at` and returns the offset after it. The caller guarantees {@link textBytesMax} free bytes. */
export function packText(into: Buffer, at: number, text: string): number {
  if (text === "") {
    into[at] = inPieces;
    return at + 1;
  }
  const known = recent.get(text);
  if (known !== undefined) {
    into.set(known, at);
    return at + known.length;
  }
  const end = packNewText(into, at, text);
  // Simpler than forgetting the oldest, and as good: what is common is back at once.
  if (recent.size >= recentTextsMax) recent.clear();
  recent.set(text, new Uint8Array(into.subarray(at, end)));
  return end;
}

function packNewText(into: Buffer, at: number, text: string): number {
  const address = parseAddress(text);
  if (address !== undefined) {
    into[at] = (4 << 2) | asAddress;
    into.set(address, at + 1);
    return at + 5;
  }
  if (asciiOnly.test(text)) {
    // At most 255 bytes, so the length takes one or two; it is known only afterwards.
    const start = at + 2;
    return closeText(into, at, inPieces, start, packPieces(into, start, text));
  }
  const mode = loneSurrogate.test(text) ? inUtf16 : inUtf8;
  const start = at + 2;
  return closeText(into, at, mode, start, start + into.write(text, start, mode === inUtf8 ? "utf8" : "utf16le"));
}

/** Puts the length before the bytes from `start` to `end`, moving them by one where it needs one byte only. */
function closeText(into: Buffer, at: number, mode: number, start: number, end: number): number {
  const head = ((end - start) << 2) | mode;
  if (head < 0x80) {
    into[at] = head;
    into.copyWithin(at + 1, start, end);
    return end - 1;
  }
  into[at] = (head & 0x7f) | 0x80;
  into[at + 1] = head >> 7;
  return end;
}

function packPieces(into: Buffer, start: number, text: string): number {
  let at = start;
  let position = 0;
  while (position < text.length) {
    const unit = text.charCodeAt(position);
    const code = codesByFirstUnit[unit]?.find((each) => text.startsWith(pieceOf(each), position));
    into[at] = code ?? unit;
    at += 1;
    position += code === undefined ? 1 : pieceOf(code).length;
  }
  return at;
}

function pieceOf(code: number): string {
  return pieces[code - firstPieceCode] as string;
}

/** The four bytes of an IPv4 address in its one canonical spelling, else `undefined`. */
function parseAddress(text: string): number[] | undefined {
  if (text.length < 7 || text.length > 15) return undefined;
  const parts = dottedQuad.exec(text)?.slice(1).map(Number);
  return parts?.every((part) => part <= 255) && parts.join(".") === text ? parts : undefined;
}

/** Reads the text whose head (length and mode) is `head` and whose bytes start at `at`; `undefined` if malformed. */
export function unpackText(from: Uint8Array, at: number, head: number): { text: string; end: number } | undefined {
  const end = at + (head >> 2);
  if (end > from.length) return undefined;
  const mode = head & 3;
  if (mode === inPieces) {
    const text = unpackPieces(from, at, end);
    return text === undefined ? undefined : { text, end };
  }
  if (mode === asAddress) return end - at === 4 ? { text: from.subarray(at, end).join("."), end } : undefined;
  const bytes = Buffer.from(from.buffer, from.byteOffset + at, end - at);
  return { text: bytes.toString(mode === inUtf8 ? "utf8" : "utf16le"), end };
}

function unpackPieces(from: Uint8Array, start: number, end: number): string | undefined {
  let text = "";
  for (let at = start; at < end; at += 1) {
    const code = from[at] as number;
    const part = code < firstPieceCode ? String.fromCharCode(code) : pieces[code - firstPieceCode];
    if (part === undefined) return undefined;
    text += part;
  }
  return text;
}
