// The bare minimum: what a durable, rotating refresh costs when nothing but the unavoidable is done. One HMAC check,
// one read, one write with the durability of Pawl (SQLite, WAL, synchronous=FULL, the writes of a tick in one
// transaction), one ES256 signature. It has no lost-answer handling, no expiry, no limits and must stay that lean:
// it is the yardstick, never a program to deploy.
// Usage: node contestants/bare.ts <database file>

import { generateKeyPairSync, hash, randomBytes, randomFillSync, sign, timingSafeEqual } from "node:crypto";
import type { IncomingMessage, ServerResponse } from "node:http";
import { createServer } from "node:http";
import { DatabaseSync } from "node:sqlite";
import { derToJose } from "../es256.ts";
import { announce, seedCount } from "../peers/serve.ts";

// HMAC-SHA-256 (RFC 2104) of 48 bytes as two one-shot hashes over prepared blocks: a fraction of what createHmac() costs.
const innerBlock = Buffer.alloc(64 + 48, 0x36);
const outerBlock = Buffer.alloc(64 + 32, 0x5c);
randomBytes(32).forEach((byte, index) => {
  innerBlock[index] = 0x36 ^ byte;
  outerBlock[index] = 0x5c ^ byte;
});

/** The first 16 bytes of the MAC of `message` (48 bytes). */
function macOf(message: Uint8Array): Buffer {
  innerBlock.set(message, 64);
  outerBlock.write(hash("sha256", innerBlock, "binary"), 64, "binary");
  return Buffer.from(hash("sha256", outerBlock, "binary"), "binary").subarray(0, 16);
}

const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
const database = new DatabaseSync(process.argv[2] as string);
database.exec("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA busy_timeout = 5000");
database.exec(
  "CREATE TABLE IF NOT EXISTS session (sid BLOB PRIMARY KEY, hash BLOB NOT NULL, generation INTEGER NOT NULL) WITHOUT ROWID",
);
const insert = database.prepare("INSERT INTO session (sid, hash, generation) VALUES (?, ?, 0)");
const select = database.prepare("SELECT hash, generation FROM session WHERE sid = ?");
const update = database.prepare("UPDATE session SET hash = ?, generation = ? WHERE sid = ? AND generation = ?");

const pool = Buffer.alloc(8192);
let poolUsed = pool.length;
/** 32 random bytes out of a pooled fill. */
function freshSecret(): Buffer {
  if (poolUsed === pool.length) {
    randomFillSync(pool);
    poolUsed = 0;
  }
  poolUsed += 32;
  return Buffer.from(pool.subarray(poolUsed - 32, poolUsed));
}

// Layout of a token: session id (16), secret (32), mac (16).
function makeToken(sid: Uint8Array, secret: Uint8Array): string {
  const bytes = Buffer.allocUnsafe(64);
  bytes.set(sid, 0);
  bytes.set(secret, 16);
  bytes.set(macOf(bytes.subarray(0, 48)), 48);
  return bytes.toString("base64url");
}

const header = Buffer.from('{"alg":"ES256","typ":"at+jwt","kid":"bench"}').toString("base64url");
function accessToken(sid: string): string {
  const now = Math.floor(Date.now() / 1000);
  const claims = `{"iss":"http://localhost","sub":"u","aud":"http://localhost","client_id":"first-party","exp":${now + 900},"iat":${now},"sid":"${sid}"}`;
  const input = `${header}.${Buffer.from(claims).toString("base64url")}`;
  return `${input}.${derToJose(sign("sha256", Buffer.from(input), privateKey)).toString("base64url")}`;
}

interface Write {
  readonly hash: Uint8Array;
  readonly generation: number;
  readonly sid: Uint8Array;
  readonly done: (changed: boolean) => void;
}
let pending: Write[] = [];

/** All writes of a tick share one transaction and thereby one fsync. */
function flush(): void {
  const writes = pending;
  pending = [];
  database.exec("BEGIN IMMEDIATE");
  const changed = writes.map((w) => update.run(w.hash, w.generation, w.sid, w.generation - 1).changes === 1);
  database.exec("COMMIT");
  for (let index = 0; index < writes.length; index++) (writes[index] as Write).done(changed[index] as boolean);
}

function answer(response: ServerResponse, status: number, body: string): void {
  response.writeHead(status, {
    "Content-Type": "application/json",
    "Cache-Control": "no-store",
    "Content-Length": Buffer.byteLength(body),
  });
  response.end(body);
}

/** The session a token belongs to, if the token is its current one. */
function check(token: Buffer): { sid: Buffer; generation: number } | undefined {
  if (token.length !== 64 || !timingSafeEqual(macOf(token.subarray(0, 48)), token.subarray(48))) return undefined;
  const sid = token.subarray(0, 16);
  const row = select.get(sid) as { hash: Uint8Array; generation: number } | undefined;
  const presented = hash("sha256", token.subarray(16, 48), "buffer");
  return row !== undefined && timingSafeEqual(row.hash, presented) ? { sid, generation: row.generation } : undefined;
}

function refresh(presented: string, response: ServerResponse): void {
  const session = check(Buffer.from(presented, "base64url"));
  if (session === undefined) {
    answer(response, 401, "{}");
    return;
  }
  const { sid, generation } = session;
  const secret = freshSecret();
  const done = (changed: boolean): void => {
    const access = accessToken(sid.toString("base64url"));
    const body = `{"access_token":"${access}","token_type":"Bearer","expires_in":900,"refresh_token":"${makeToken(sid, secret)}"}`;
    answer(response, changed ? 200 : 409, changed ? body : "{}");
  };
  if (pending.length === 0) setImmediate(flush);
  pending.push({ hash: hash("sha256", secret, "buffer"), generation: generation + 1, sid, done });
}

function seed(url: string, response: ServerResponse): void {
  const tokens = Array.from({ length: seedCount(url) }, () => {
    const sid = randomBytes(16);
    const secret = randomBytes(32);
    insert.run(sid, hash("sha256", secret, "buffer"));
    return makeToken(sid, secret);
  });
  answer(response, 200, JSON.stringify({ tokens }));
}

function handle(request: IncomingMessage, response: ServerResponse): void {
  let body = "";
  request.setEncoding("latin1");
  request.on("data", (chunk: string) => {
    body += chunk;
  });
  request.on("end", () => {
    if (request.method === "POST") refresh((JSON.parse(body) as { refresh_token: string }).refresh_token, response);
    else seed(request.url as string, response);
  });
}

announce(createServer(handle), "bare", () => database.close());
