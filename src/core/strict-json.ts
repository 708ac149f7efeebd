// JSON inside a token, as it is taken: strict UTF-8, one object, no member twice, finite numbers, bounded nesting
// (RFC 8725 section 2.4, RFC 8259 section 4). Two parsers that understand one text differently are a way in; what other
// parsers could read otherwise is refused. Members come as a Map, so that no name means anything to the language.

/** How deep objects and arrays may lie in each other. */
export const nestingMax = 16;

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

const quote = 0x22;
const backslash = 0x5c;

/** Where the string that begins at `start` has its closing quote, in a text that is known to be JSON. */
function endOfString(json: string, start: number): number {
  let at = start + 1;
  for (let code = json.charCodeAt(at); code !== quote; code = json.charCodeAt(at)) at += code === backslash ? 2 : 1;
  return at;
}

/** Where the number that begins at `start` has its last character. */
function endOfNumber(json: string, start: number): number {
  let at = start;
  while (/[\d.eE+-]/.test(json.charAt(at + 1))) at += 1;
  return at;
}

/** True when no object of a text that is known to be JSON has a member twice, every number is finite and nothing lies too deep. */
function isUnambiguous(json: string): boolean {
  // For an object the names that it has so far, for an array nothing.
  const open: (Set<string> | undefined)[] = [];
  let isValue = false;
  for (let at = 0; at < json.length; at += 1) {
    const char = json.charAt(at);
    if (char === '"') {
      const end = endOfString(json, at);
      const names = open.at(-1);
      if (names !== undefined && !isValue) {
        const name = json.slice(at + 1, end);
        const meant = name.includes("\\") ? (JSON.parse(`"${name}"`) as string) : name;
        if (names.has(meant)) return false;
        names.add(meant);
      }
      at = end;
    } else if (char === ":") isValue = true;
    else if (char === ",") isValue = false;
    else if (char === "{" || char === "[") {
      if (open.length === nestingMax) return false;
      open.push(char === "{" ? new Set() : undefined);
      isValue = false;
    } else if (char === "}" || char === "]") open.pop();
    else if (char === "-" || (char >= "0" && char <= "9")) {
      const end = endOfNumber(json, at);
      if (!Number.isFinite(Number(json.slice(at, end + 1)))) return false;
      at = end;
    }
  }
  return true;
}

/** The members of the one object that `bytes` hold; `undefined` for anything else. */
export function parseObject(bytes: Uint8Array): Map<string, unknown> | undefined {
  try {
    const json = utf8.decode(bytes);
    const value: unknown = JSON.parse(json);
    if (typeof value !== "object" || value === null || Array.isArray(value)) return undefined;
    return isUnambiguous(json) ? new Map(Object.entries(value)) : undefined;
  } catch {
    return undefined;
  }
}
