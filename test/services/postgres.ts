// The Postgres server of a test file: started when a test first asks, ended when the file is done. PAWL_TEST_POSTGRES names
// one to use instead. Owns whether there can be one, and what is to be done before its end.

import { after } from "node:test";
import type { Postgres, PostgresSettings, PostgresVersion } from "../../sim/services/postgres.ts";
import { missingPrograms, startPostgres } from "../../sim/services/postgres.ts";

export type { PostgresVersion } from "../../sim/services/postgres.ts";

/** A server that somebody else runs, as a URL. */
const external = process.env.PAWL_TEST_POSTGRES;

/** Why this version cannot run here; `false` where it can. In CI it is a failure, not a skip. */
export function postgresMissing(version: PostgresVersion): string | false {
  const folder = version === 18 && external !== undefined ? undefined : missingPrograms(version);
  return folder === undefined || process.env.CI === "true" ? false : `Postgres ${version} is not in ${folder}`;
}

/** Why a test cannot have a server of its own, which it stops or looks into; `false` where it can. */
export function ownServerMissing(version: PostgresVersion): string | false {
  return external === undefined || version !== 18 ? postgresMissing(version) : "PAWL_TEST_POSTGRES is not ours to stop";
}

/** A server of one test file. */
export interface PostgresServer extends Pick<Postgres, "start" | "stop" | "crash"> {
  /** The URL of its database; starts the server on first use. */
  url(): Promise<string>;
  /** False for a server that somebody else runs. */
  readonly isOwn: boolean;
  /** The folder of its files, once it was started. */
  folder(): Promise<string>;
  /** What is to be done at the end of the test file while the server is still there. */
  beforeEnd(task: () => Promise<void>): void;
}

/** Declares the server of a test file; call it at the top level. */
export function postgresServer(version: PostgresVersion, settings: PostgresSettings = {}): PostgresServer {
  if (external !== undefined && version === 18) {
    const refuse = (): Promise<never> => Promise.reject(new Error("PAWL_TEST_POSTGRES is not ours to stop"));
    const beforeEnd = (task: () => Promise<void>): void => after(task);
    const url = async (): Promise<string> => external;
    return { url, isOwn: false, folder: refuse, start: refuse, stop: refuse, crash: refuse, beforeEnd };
  }
  let starting: Promise<Postgres> | undefined;
  const server = (): Promise<Postgres> => {
    starting ??= startPostgres(version, settings);
    return starting;
  };
  const endings: (() => Promise<void>)[] = [];
  after(async () => {
    if (starting === undefined) return;
    for (const ending of endings) await ending();
    await (await starting).dispose();
  });
  return {
    url: async () => (await server()).url,
    isOwn: true,
    folder: async () => (await server()).folder,
    start: async () => (await server()).start(),
    stop: async () => (await server()).stop(),
    crash: async () => (await server()).crash(),
    beforeEnd: (task) => {
      endings.push(task);
    },
  };
}
