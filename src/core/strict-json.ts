// JSON inside a token, as it is taken: strict UTF-8, one object, no member twice, finite numbers, bounded nesting
// (RFC 8725 section 2.4, RFC 8259 section 4). Two parsers that understand one text differently are a way in; what other
// parsers could read otherwise is refused. Members come as a Map, so that no name means anything to the language.

/** How deep objects and arrays may lie in each other. */
export const nestingMax = 16;

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** The tokens of a text that is known to be JSON: strings, numbers, punctuation. */
const tokens = /"(?:[^"\\]|\\.)*"|-?\d[\d.eE+-]*|[{}[\],:]/g;

/** True when no object has a member twice, every number is finite and nothing lies too deep. */
function isUnambiguous(json: string): boolean {
  // For an object the names that it has so far, for an array nothing.
  const open: (Set<string> | undefined)[] = [];
  let last = "";
  for (const [token] of json.matchAll(tokens)) {
    const names = open.at(-1);
    if (token === "{" || token === "[") {
      if (open.length === nestingMax) return false;
      open.push(token === "{" ? new Set() : undefined);
    } else if (token === "}" || token === "]") open.pop();
    else if (token.startsWith('"')) {
      if (names !== undefined && last !== ":") {
        const name = JSON.parse(token) as string;
        if (names.has(name)) return false;
        names.add(name);
      }
    } else if (token !== "," && token !== ":" && !Number.isFinite(Number(token))) return false;
    last = token;
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
