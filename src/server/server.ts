// The composition of the runnable server: listener, store, engine, accounts, HTTP handler, pages, operations routes, log
// and metrics. Owns the order of starting and stopping. Holds no rule of its own.

import { serveNode } from "../adapters/node.ts";
import type { Platform } from "../core/ports.ts";
import { createSessions } from "../engine/create-sessions.ts";
import type { Sessions } from "../engine/types.ts";
import type { Incoming, Outgoing } from "../http/exchange.ts";
import { createHandler, type Handler } from "../http/handler.ts";
import { createRateLimits } from "../http/limits.ts";
import { nodePlatform } from "../platform/node.ts";
import { createAccounts } from "./accounts/accounts.ts";
import { finishEndings } from "./accounts/ending.ts";
import { requireImplementation } from "./accounts/password-hash.ts";
import type { ServerAccounts } from "./accounts/types.ts";
import type { Settings } from "./config.ts";
import { issuerFor, registrationFor, warningsFor } from "./issuer.ts";
import type { Log } from "./log.ts";
import { createMetrics, type Metrics } from "./metrics.ts";
import { observeEvents, observeRequests } from "./observation.ts";
import { createOperations } from "./operations.ts";
import { createPages } from "./pages.ts";
import { resetEndpoint } from "./reset.ts";
import { createStore, engineOptions, rememberIssuer } from "./stores.ts";

/** The built pages, seen from src/server and from dist/server alike. */
const pagesFolder = new URL("../../dist/", import.meta.url);
const resetPurgeMilliseconds = 600_000;
const endingsMilliseconds = 60_000;

/** A server that serves. */
export interface RunningServer {
  readonly issuer: string;
  /** The port that is listened on. */
  readonly port: number;
  /** The word of the ready line. */
  readonly storeKind: string;
  /** Stops accepting, finishes what is in flight (at most 10 s), closes the store. Idempotent. */
  close(): Promise<void>;
}

/** What a start needs beside the options. */
export interface StartOptions {
  readonly settings: Settings;
  /** What a relative database file is relative to. */
  readonly directory: string;
  readonly log: Log;
  /** Default: this machine's. */
  readonly platform?: Platform;
  /** Of one process among several: takes the metrics of this one, returns what asks for those of all. */
  readonly shareMetrics?: (own: () => string) => () => Promise<string>;
  /** False: what looks unsafe is not said, another process of this server did. Default true. */
  readonly warns?: boolean;
}

/** The parts of a server once the port is known. */
interface Composed {
  readonly sessions: Sessions;
  readonly accounts: ServerAccounts;
  readonly handler: Handler;
}

/**
 * Starts the server. The port is bound first: a port that is taken leaves no database behind, and the default issuer
 * holds the port that was free.
 * @throws PawlError `store_incompatible`, `store_unavailable`, `invalid_option`; the system's error when the address
 * cannot be bound.
 */
export async function startServer(options: StartOptions): Promise<RunningServer> {
  const { settings, log, platform = nodePlatform, warns = true } = options;
  requireImplementation();
  const metrics = createMetrics(platform.clock);
  const state: { composed?: Composed; stopping: boolean } = { stopping: false };
  const serving = await serveNode(
    async (port) => {
      state.composed = await compose(options, platform, metrics, issuerFor(settings, port), () => state.stopping);
      return state.composed.handler;
    },
    { host: settings.host, port: settings.port },
  );
  const { sessions, accounts } = state.composed as Composed;
  if (warns) for (const warning of warningsFor(settings, sessions.issuer)) log.info(warning);
  // Loaded not before the ready line: the hashing is only needed at the first sign-in.
  accounts.open().catch((error: Error) => log.error("passwords cannot be checked", { detail: error.message }));
  const stopPurge = platform.scheduler.every(resetPurgeMilliseconds, () => {
    accounts.purgeResets().catch(() => log.debug("lapsed resets were not purged; trying again later"));
  });
  const stopEndings = platform.scheduler.every(endingsMilliseconds, () => endLeftOver(sessions, accounts, log));
  let closed: Promise<void> | undefined;
  const close = async (): Promise<void> => {
    state.stopping = true;
    stopPurge();
    stopEndings();
    await serving.close();
    await sessions.close();
  };
  return {
    issuer: sessions.issuer,
    port: serving.port,
    storeKind: sessions.store.kind,
    close: () => {
      closed ??= close();
      return closed;
    },
  };
}

/** Ends the sessions that a crash spared; never rejects, because it is tried again every minute. */
async function endLeftOver(sessions: Sessions, accounts: ServerAccounts, log: Log): Promise<void> {
  try {
    const { finished, failed } = await finishEndings(accounts, sessions);
    if (finished > 0) log.info("sessions that were left over after a change of an account ended", { finished });
    if (failed > 0) log.error("sessions of changed accounts could not be ended; trying again later", { failed });
  } catch (error) {
    log.error("changed accounts could not be listed; trying again later", { detail: (error as Error).message });
  }
}

async function compose(
  { settings, directory, log, shareMetrics = (own) => async () => own(), warns = true }: StartOptions,
  local: Platform,
  metrics: Metrics,
  issuer: string,
  stopping: () => boolean,
): Promise<Composed> {
  const store = await createStore(settings.store, directory, true, (sentence) => warns && log.info(sentence));
  const sessions = await createSessions({ ...engineOptions(settings, store, issuer), platform: local });
  // Its clock is the one that all nodes agree on: accounts are dated by it, too.
  const { platform } = sessions;
  try {
    await rememberIssuer(store, issuer);
    sessions.subscribe(observeEvents(log, metrics));
    metrics.watchFeed(() => sessions.revocationFeedState());
    const registration = registrationFor(settings, issuer);
    const accounts = createAccounts({ store, platform, registration, throttle: settings.rateLimit });
    await endLeftOver(sessions, accounts, log);
    const limits = settings.rateLimit ? createRateLimits(platform) : undefined;
    const { adminToken, feedToken, origins } = settings;
    const figures = shareMetrics(() => metrics.text());
    const operations = createOperations({ issuer, figures, ping: () => sessions.ping(), stopping, adminToken });
    const pages = createPages(pagesFolder, issuer);
    const extraRoutes = async (incoming: Incoming): Promise<Outgoing | undefined> =>
      (await operations(incoming)) ?? pages(incoming);
    const handler = createHandler({
      sessions,
      accounts,
      registration,
      clients: settings.clients,
      trustProxy: settings.trustProxy,
      extraEndpoints: [resetEndpoint(sessions, accounts, limits)],
      extraRoutes,
      log: observeRequests(log, metrics),
      ...(limits === undefined ? {} : { rateLimits: limits }),
      ...(origins === undefined ? {} : { origins }),
      ...(feedToken === undefined ? {} : { feedToken }),
    });
    return { sessions, accounts, handler };
  } catch (error) {
    await sessions.close();
    throw error;
  }
}
