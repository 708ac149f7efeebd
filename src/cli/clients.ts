// `pawl clients add|list|remove`: OAuth clients that the store keeps, beside those of the configuration. Running servers
// see a change within 2 s. A secret is made here, printed once and kept by nobody: the store has its SHA-256.

import { createHash } from "node:crypto";
import { PawlError } from "../core/errors.ts";
import { type ClientOptions, clientKey, clientsMax, createClient } from "../http/oauth-clients.ts";
import { nodePlatform } from "../platform/node.ts";
import { UsageError } from "./arguments.ts";
import type { Invocation } from "./commands.ts";
import { columns, textFlag } from "./layout.ts";
import { type Opened, withStore } from "./opened.ts";
import { complain, print, printJson } from "./terminal.ts";

const secretBytes = 32;
const pageLength = 100;
const listFlags = { scope: "scopes", introspects: "introspects" } as const;

function newSecret(): string {
  return Buffer.from(nodePlatform.entropy.bytes(secretBytes)).toString("base64url");
}

/** Splits `a b` and `a,b` alike. */
function words(text: string): string[] {
  return text.split(/[\s,]+/).filter((word) => word !== "");
}

/** What the flags say; checked by {@link createClient}. */
function optionsOf({ operands, flags }: Invocation, secret: string | undefined): ClientOptions {
  const lists: Record<string, string[]> = {};
  for (const [flag, member] of Object.entries(listFlags)) {
    const text = textFlag(flags, flag);
    if (text !== undefined) lists[member] = words(text);
  }
  const audience = textFlag(flags, "audience");
  return {
    id: operands[0] ?? "",
    ...(secret !== undefined && {
      authentication: "client_secret",
      secretSha256: createHash("sha256").update(secret).digest("base64url"),
    }),
    ...lists,
    ...(audience !== undefined && { audience }),
    ...(flags["self-service"] === true && { selfService: true }),
  };
}

/** `pawl clients add <id> [--secret] [--scope <names>] [--audience <aud>] [--introspects <auds>] [--self-service]` */
export async function addClient(invocation: Invocation): Promise<number> {
  const { flags, terminal, json } = invocation;
  const secret = flags.secret === true ? newSecret() : undefined;
  const options = optionsOf(invocation, secret);
  try {
    createClient(options);
  } catch (error) {
    if (error instanceof PawlError) throw new UsageError(error.detail);
    throw error;
  }
  if (invocation.settings().clients.some(({ id }) => id === options.id)) {
    throw new PawlError("invalid_request", `client ${options.id} is in the configuration already`);
  }
  return withStore(invocation, async ({ sessions }) => {
    const value = JSON.stringify(options);
    if (!(await sessions.store.writeDocuments([{ key: clientKey(options.id), expectedVersion: 0, value }]))) {
      throw new PawlError("invalid_request", `client ${options.id} exists already; \`pawl clients remove\` removes it`);
    }
    if (json) printJson(terminal, { client: shown(options), ...(secret !== undefined && { client_secret: secret }) });
    else print(terminal, secret === undefined ? `added ${options.id}` : `added ${options.id}, secret ${secret}`);
    return 0;
  });
}

/** A client without its hashes and keys. */
function shown(options: ClientOptions): object {
  const { id, authentication, scopes, audience, introspects, selfService } = createClient(options);
  return { id, authentication, scopes, audience: audience ?? null, introspects, self_service: selfService };
}

async function stored({ sessions }: Opened): Promise<ClientOptions[]> {
  const found: ClientOptions[] = [];
  let after: string | undefined;
  while (found.length < clientsMax) {
    const page = await sessions.store.listDocuments(clientKey(), after, pageLength);
    found.push(...page.map(({ value }) => JSON.parse(value) as ClientOptions));
    if (page.length < pageLength) break;
    after = page.at(-1)?.key;
  }
  return found;
}

/** `pawl clients list` */
export async function listClients(invocation: Invocation): Promise<number> {
  const { terminal, json } = invocation;
  const configured = invocation.settings().clients;
  return withStore(invocation, async (opened) => {
    const all = [...configured, ...(await stored(opened))];
    if (json) printJson(terminal, { clients: all.map(shown) });
    else {
      const rows = all.map(createClient).map((client) => {
        const { id, authentication, scopes, audience = "", introspects } = client;
        return [id, authentication, scopes.join(" "), audience, introspects.join(" ")];
      });
      print(terminal, columns(["CLIENT", "AUTHENTICATION", "SCOPES", "AUDIENCE", "INTROSPECTS"], rows));
    }
    return 0;
  });
}

/** `pawl clients remove <id>`: its refresh tokens are refused from then on. */
export async function removeClient(invocation: Invocation): Promise<number> {
  const { operands, terminal, json } = invocation;
  const key = clientKey(operands[0]);
  return withStore(invocation, async ({ sessions }) => {
    const document = await sessions.store.readDocument(key);
    const removed =
      document !== undefined &&
      (await sessions.store.writeDocuments([{ key, expectedVersion: document.version, value: null }]));
    if (json) printJson(terminal, { removed });
    else if (removed) print(terminal, `removed ${operands[0]}`);
    else complain(terminal, `the store has no client ${JSON.stringify(operands[0])}; \`pawl clients list\` shows them`);
    return removed ? 0 : 1;
  });
}
