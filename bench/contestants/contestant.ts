// The contestants of the refresh benchmark: how each is started, how it hands out starting tokens and how a refresh is
// asked of it. Everything else is the same for all.

import { join } from "node:path";
import type { LoadJob } from "../job.ts";
import { peersFolder } from "../peers/install.ts";
import { seedPath } from "../peers/serve.ts";

const root = join(import.meta.dirname, "..", "..");
/** What `pawl serve` runs as after `npm run build`. */
export const pawlProgram: string = join(root, "dist", "cli", "main.js");

/** How to start one contestant and talk to it. */
export interface Contestant {
  readonly name: string;
  readonly title: string;
  /** Node arguments; `folder` is an empty folder on a real disk. */
  start(folder: string): readonly string[];
  readonly environment: Readonly<Record<string, string>>;
  /** Starting tokens, one per client. */
  seed(issuer: string, clients: number): Promise<readonly string[]>;
  readonly ask: Pick<LoadJob, "path" | "body" | "idempotencyKey"> & { readonly clientId?: string };
}

async function askJson(url: string, body?: unknown): Promise<Record<string, unknown>> {
  const answer = await fetch(url, {
    ...(body === undefined
      ? {}
      : { method: "POST", body: JSON.stringify(body), headers: { "Content-Type": "application/json" } }),
  });
  if (!answer.ok) throw new Error(`${new URL(url).pathname} answered ${answer.status}`);
  return (await answer.json()) as Record<string, unknown>;
}

async function seedOwn(issuer: string, clients: number): Promise<readonly string[]> {
  return (await askJson(`${issuer}${seedPath}?clients=${clients}`)).tokens as string[];
}

const password = "correct horse battery staple 7";

/** Every client is a person of its own with one session; accounts are made in the first round. */
async function seedPawl(issuer: string, clients: number): Promise<readonly string[]> {
  const tokens: string[] = [];
  for (let index = 0; index < clients; index++) {
    const body = { email: `bench-${index}@example.com`, password, transport: "body" };
    const session = await askJson(`${issuer}/auth/login`, body).catch(() => askJson(`${issuer}/auth/register`, body));
    tokens.push(session.refresh_token as string);
  }
  return tokens;
}

function pawl(name: string, title: string, idempotencyKey: boolean): Contestant {
  return {
    name,
    title,
    start: (folder) => [pawlProgram, "serve", "--port", "0", "--store", `sqlite:${join(folder, "pawl.db")}`],
    environment: { PAWL_RATE_LIMIT: "off", PAWL_LOG: "error", PAWL_REGISTRATION: "open", NODE_ENV: "production" },
    seed: seedPawl,
    ask: { path: "/auth/refresh", body: "json", idempotencyKey },
  };
}

function own(
  folderOfProgram: string,
  name: string,
  title: string,
  ask: Contestant["ask"],
  needsDatabase: boolean,
): Contestant {
  const program = join(folderOfProgram, `${name}.ts`);
  return {
    name,
    title,
    start: (folder) => (needsDatabase ? [program, join(folder, `${name}.db`)] : [program]),
    environment: { NODE_ENV: "production" },
    seed: seedOwn,
    ask,
  };
}

const refreshJson = { path: "/refresh", body: "json", idempotencyKey: false } as const;

/** What everything is compared with. */
export const yardstick: Contestant = own(
  import.meta.dirname,
  "bare",
  "bare minimum (node:http, HMAC, SQLite, ES256)",
  refreshJson,
  true,
);
/** The peer of the target. */
export const peer: Contestant = own(
  peersFolder,
  "oidc",
  "node-oidc-provider 9, memory adapter",
  { path: "/token", body: "form", idempotencyKey: false, clientId: "bench" },
  false,
);

/** Everything that takes part, in the order of the report. */
export const contestants: readonly Contestant[] = [
  yardstick,
  pawl("pawl", "Pawl", false),
  pawl("pawl-key", "Pawl, Idempotency-Key on every request", true),
  peer,
  own(peersFolder, "tutorial", "tutorial (Express, jsonwebtoken, SQLite)", refreshJson, true),
];
