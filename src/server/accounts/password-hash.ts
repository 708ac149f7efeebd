// Password hashes: argon2id (RFC 9106) in PHC strings. Owns the parameters, the string form and the choice of the
// implementation: @node-rs/argon2 where it is installed (three times faster), else the one of Node (24.7 and newer).
// Never keeps a password; bounds what a stored string may make it compute. Randomness comes in through the port.

import crypto, { timingSafeEqual } from "node:crypto";
import { PawlError } from "../../core/errors.ts";
import type { Entropy } from "../../core/ports.ts";

/** Cost of one hash. */
export interface HashParameters {
  readonly memoryKibibytes: number;
  readonly passes: number;
  readonly lanes: number;
}

/** 19 MiB, two passes, one lane: the first choice of OWASP's Password Storage Cheat Sheet and ASVS 5 section 11.4.2. */
export const currentParameters: HashParameters = { memoryKibibytes: 19_456, passes: 2, lanes: 1 };

const saltBytes = 16;
const hashBytes = 32;
const phcCharactersMax = 512;
/** A stored string beyond these is refused rather than computed. */
const parametersMax: HashParameters = { memoryKibibytes: 1_048_576, passes: 16, lanes: 16 };
const digestBytesMax = 128;

/** A PHC string, taken apart. */
export interface ParsedHash extends HashParameters {
  readonly salt: Uint8Array;
  readonly hash: Uint8Array;
}

/** Computes argon2id version 19. */
export type Derive = (
  password: Uint8Array,
  salt: Uint8Array,
  parameters: HashParameters,
  length: number,
) => Promise<Uint8Array>;

function toPhc(parsed: ParsedHash): string {
  const base64 = (bytes: Uint8Array) => Buffer.from(bytes).toString("base64").replaceAll("=", "");
  const cost = `m=${parsed.memoryKibibytes},t=${parsed.passes},p=${parsed.lanes}`;
  return `$argon2id$v=19$${cost}$${base64(parsed.salt)}$${base64(parsed.hash)}`;
}

function readCost(text: string): HashParameters | undefined {
  const found = new Map<string, number>();
  for (const part of text.split(",")) {
    const match = /^([a-z]{1,8})=(\d{1,10})$/.exec(part);
    if (match === null || found.has(match[1] ?? "")) return undefined;
    found.set(match[1] ?? "", Number(match[2]));
  }
  const [memoryKibibytes = 0, passes = 0, lanes = 0] = [found.get("m"), found.get("t"), found.get("p")];
  const tooMuch =
    memoryKibibytes > parametersMax.memoryKibibytes || passes > parametersMax.passes || lanes > parametersMax.lanes;
  // RFC 9106 section 3.1: at least one pass, one lane and eight kibibytes a lane.
  if (found.size !== 3 || tooMuch || passes < 1 || lanes < 1 || memoryKibibytes < 8 * lanes) return undefined;
  return { memoryKibibytes, passes, lanes };
}

/**
 * Takes a PHC string apart; the parameters may stand in any order (some libraries write `m,p,t`). `undefined` when it
 * is not argon2id version 19 within bounds.
 */
export function parseHash(phc: string): ParsedHash | undefined {
  if (phc.length > phcCharactersMax) return undefined;
  const [empty, algorithm, version, cost, saltText, hashText, ...rest] = phc.split("$");
  if (empty !== "" || algorithm !== "argon2id" || version !== "v=19" || rest.length > 0) return undefined;
  if (cost === undefined || saltText === undefined || hashText === undefined) return undefined;
  const parameters = readCost(cost);
  const base64 = /^[A-Za-z0-9+/]{11,}$/;
  if (parameters === undefined || !base64.test(saltText) || !base64.test(hashText)) return undefined;
  const salt = Buffer.from(saltText, "base64");
  const hash = Buffer.from(hashText, "base64");
  if (salt.length > digestBytesMax || hash.length > digestBytesMax) return undefined;
  return { ...parameters, salt, hash };
}

/** The structural part of `@node-rs/argon2` that is used; the package stays optional. */
interface NativePackage {
  hashRaw(
    password: Uint8Array,
    options: {
      memoryCost: number;
      timeCost: number;
      parallelism: number;
      outputLen: number;
      algorithm: number;
      salt: Uint8Array;
    },
  ): Promise<Uint8Array>;
}

// A variable so that bundlers and type checkers of applications leave the optional package alone.
const nativeName: string = "@node-rs/argon2";

/** Imports `@node-rs/argon2`; `undefined` when it is not installed or has no binary for this machine. */
export async function importNative(): Promise<NativePackage | undefined> {
  try {
    return (await import(nativeName)) as NativePackage;
  } catch {
    return undefined;
  }
}

const argon2id = 2;

/** The implementation of `@node-rs/argon2`. */
export function deriveNative(native: NativePackage): Derive {
  return (password, salt, parameters, length) =>
    native.hashRaw(password, {
      memoryCost: parameters.memoryKibibytes,
      timeCost: parameters.passes,
      parallelism: parameters.lanes,
      outputLen: length,
      algorithm: argon2id,
      salt,
    });
}

/** The implementation of Node (`crypto.argon2`), or `undefined` where this Node has none. */
export function deriveBuiltin(): Derive | undefined {
  const argon2 = crypto.argon2 as typeof crypto.argon2 | undefined;
  if (argon2 === undefined) return undefined;
  return (message, nonce, { memoryKibibytes, passes, lanes }, tagLength) =>
    new Promise((resolve, reject) => {
      const parameters = { message, nonce, parallelism: lanes, tagLength, memory: memoryKibibytes, passes };
      argon2("argon2id", parameters, (error, derived) => (error === null ? resolve(derived) : reject(error)));
    });
}

/**
 * Chooses the implementation.
 * @throws PawlError `invalid_option` when neither the package nor a Node with argon2 is there.
 */
export function chooseDerive(native: NativePackage | undefined, builtin: Derive | undefined): Derive {
  if (native !== undefined) return deriveNative(native);
  if (builtin !== undefined) return builtin;
  throw noImplementation();
}

function noImplementation(): PawlError {
  const detail = `accounts need argon2id: npm install ${nativeName}, or run Node 24.7 or newer`;
  return new PawlError("invalid_option", detail, { field: nativeName });
}

function isInstalled(name: string): boolean {
  try {
    import.meta.resolve(name);
    return true;
  } catch {
    return false;
  }
}

/**
 * Finds out whether there is an implementation, without loading one: fast enough for the start.
 * @throws PawlError `invalid_option` naming the package to install.
 */
export function requireImplementation(): void {
  if (deriveBuiltin() === undefined && !isInstalled(nativeName)) throw noImplementation();
}

/** Hashes and checks passwords. */
export interface PasswordHashes {
  /** Loads the implementation. @throws PawlError `invalid_option`. */
  open(): Promise<void>;
  /** The PHC string of a password, with a fresh salt. */
  hash(password: string): Promise<string>;
  /** True when `password` made `phc`. Without a hash it takes the same time and is false. */
  verify(phc: string | undefined, password: string): Promise<boolean>;
  /** True when `phc` was made with other parameters than today's. */
  outdated(phc: string): boolean;
}

/** Creates the hashing with the current parameters; `derive` is for tests. */
export function createPasswordHashes(entropy: Pick<Entropy, "bytes">, derive?: Derive): PasswordHashes {
  let loading: Promise<Derive> | undefined = derive && Promise.resolve(derive);
  const load = (): Promise<Derive> => {
    loading ??= importNative().then((native) => chooseDerive(native, deriveBuiltin()));
    return loading;
  };
  // Nobody's hash: an unknown user costs what a wrong password costs (ASVS 6.3.8), and nothing ever matches.
  const nobody: ParsedHash = {
    ...currentParameters,
    salt: entropy.bytes(saltBytes),
    hash: entropy.bytes(hashBytes),
  };
  return {
    async open() {
      await load();
    },
    async hash(password) {
      const salt = entropy.bytes(saltBytes);
      const hash = await (await load())(Buffer.from(password), salt, currentParameters, hashBytes);
      return toPhc({ ...currentParameters, salt, hash });
    },
    async verify(phc, password) {
      const stored = phc === undefined ? undefined : parseHash(phc);
      const target = stored ?? nobody;
      const computed = await (await load())(Buffer.from(password), target.salt, target, target.hash.length);
      return timingSafeEqual(computed, target.hash) && stored !== undefined;
    },
    outdated(phc) {
      const stored = parseHash(phc);
      if (stored === undefined) return true;
      const { memoryKibibytes, passes, lanes } = currentParameters;
      const same = stored.memoryKibibytes === memoryKibibytes && stored.passes === passes && stored.lanes === lanes;
      return !same || stored.salt.length < saltBytes || stored.hash.length < hashBytes;
    },
  };
}
