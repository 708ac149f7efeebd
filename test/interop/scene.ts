// A built server for the interop tests: started once for a test file, with a person who is signed in, and ended with it.
// Knows no client.

import assert from "node:assert/strict";
import { after } from "node:test";
import { call, type Program, startProgram, temporaryFolder } from "../end-to-end/program.ts";

/** `aud` of access tokens in these tests. */
export const audience = "https://api.example.com";

/** A running server and the folder of its database. */
export interface Scene {
  readonly program: Program;
  readonly folder: string;
  readonly issuer: string;
  /** Access token of the person who is signed in. */
  readonly accessToken: string;
  /** First tokens of a registered client, from that person. */
  grant(clientId: string): Promise<{ readonly access_token: string; readonly refresh_token: string }>;
}

/** Starts the built program; call it at the top of a test file or in a test. */
export async function openScene(
  words: readonly string[] = [],
  environment: Readonly<Record<string, string>> = {},
): Promise<Scene> {
  const folder = temporaryFolder();
  after(() => folder.remove());
  const program = await startProgram(folder.path, {
    arguments: ["--audience", audience, ...words],
    environment: { PAWL_LOG: "error", ...environment },
  });
  after(() => program.stop());
  const person = { email: "ann@example.com", password: "four unlikely words together", transport: "body" };
  const { status, json } = await call(program.origin, "/auth/register", person);
  assert.equal(status, 201, JSON.stringify(json));
  const accessToken = json.access_token as string;
  const authorization = `Bearer ${accessToken}`;
  return {
    program,
    folder: folder.path,
    issuer: program.origin,
    accessToken,
    grant: async (clientId) => {
      const answer = await call(program.origin, "/auth/sessions", { client_id: clientId }, { authorization });
      assert.equal(answer.status, 201, JSON.stringify(answer.json));
      return answer.json as { access_token: string; refresh_token: string };
    },
  };
}
