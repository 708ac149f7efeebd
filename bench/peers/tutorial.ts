// The pattern that most tutorials teach: Express, jsonwebtoken for both tokens (HS256), one row per refresh token,
// looked up by its SHA-256, deleted and replaced on use. SQLite with the durability of Pawl, one transaction per
// refresh as tutorials do it. Signing out deletes the row. PEER_SECRET keeps tokens good over a restart.
// Usage: node peers/tutorial.ts <database file>

import { createHash, randomBytes, randomUUID } from "node:crypto";
import { createServer } from "node:http";
import { DatabaseSync } from "node:sqlite";
// @ts-expect-error The package ships no type declarations.
import express from "express";
// @ts-expect-error The package ships no type declarations.
import jwt from "jsonwebtoken";
import { announce, seedCount, seedPath } from "./serve.ts";

const secret = process.env.PEER_SECRET ?? randomBytes(32).toString("hex");
const accessSecret = `access ${secret}`;
const refreshSecret = `refresh ${secret}`;
const database = new DatabaseSync(process.argv[2] as string);
database.exec("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA busy_timeout = 5000");
database.exec(
  "CREATE TABLE IF NOT EXISTS refresh_tokens (id INTEGER PRIMARY KEY, token_hash TEXT UNIQUE, user_id TEXT)",
);
const insert = database.prepare("INSERT INTO refresh_tokens (token_hash, user_id) VALUES (?, ?)");
const select = database.prepare("SELECT id, user_id FROM refresh_tokens WHERE token_hash = ?");
const remove = database.prepare("DELETE FROM refresh_tokens WHERE id = ?");
const forget = database.prepare("DELETE FROM refresh_tokens WHERE token_hash = ?");

const hashOf = (token: string): string => createHash("sha256").update(token).digest("hex");
const issue = (userId: string): string =>
  jwt.sign({ sub: userId, jti: randomUUID() }, refreshSecret, { expiresIn: "7d" }) as string;

interface TutorialRequest {
  readonly url: string;
  readonly body: { refresh_token: string };
}
interface TutorialResponse {
  status(code: number): TutorialResponse;
  json(body: unknown): void;
}

const app = express();
app.use(express.json());
app.get(seedPath, (request: TutorialRequest, response: TutorialResponse) => {
  const tokens = Array.from({ length: seedCount(request.url) }, () => {
    const userId = randomUUID();
    const token = issue(userId);
    insert.run(hashOf(token), userId);
    return token;
  });
  response.json({ tokens });
});
app.post("/refresh", (request: TutorialRequest, response: TutorialResponse) => {
  try {
    const { sub } = jwt.verify(request.body.refresh_token, refreshSecret) as { sub: string };
    const row = select.get(hashOf(request.body.refresh_token)) as { id: number; user_id: string } | undefined;
    if (row === undefined || row.user_id !== sub) return response.status(401).json({ error: "invalid" });
    const next = issue(sub);
    database.exec("BEGIN");
    remove.run(row.id);
    insert.run(hashOf(next), sub);
    database.exec("COMMIT");
    const access = jwt.sign({ sub }, accessSecret, { expiresIn: "15m" });
    response.json({ access_token: access, refresh_token: next });
  } catch {
    response.status(401).json({ error: "invalid" });
  }
});

app.post("/logout", (request: TutorialRequest, response: TutorialResponse) => {
  forget.run(hashOf(request.body.refresh_token));
  response.json({});
});

announce(createServer(app), "tutorial", () => database.close());
