// The faults of `npm run chaos`, one scenario each: what is done, to which store, and what it may cost. Owns the order of
// events within a scenario; run.ts owns what comes before and after, and every check.

import { join } from "node:path";
import type { Crowd, Person } from "./crowd.ts";
import type { ChaosDatabase, PostgresPair, StoreName } from "./databases.ts";
import {
  hasCaughtUp,
  onePostgres,
  oneRedis,
  pause,
  postgresPair,
  redisOfSentinels,
  redisOfSnapshots,
} from "./databases.ts";
import type { Fleet } from "./fleet.ts";
import type { Link } from "./link.ts";
import { startLink } from "./link.ts";

/** What a scenario works with. */
export interface Stage {
  readonly fleet: Fleet;
  readonly crowd: Crowd;
  /** How long a fault lasts at least. */
  readonly milliseconds: number;
  /** Counts something that was done. */
  injected(what: string, count?: number): void;
  /** Says that from now on nothing stands in anybody's way: recovery is measured from here. The last word counts. */
  repaired(): void;
}

/** One scenario on one store. */
export interface Scenario {
  readonly name: string;
  /** What it stands for. */
  readonly title: string;
  readonly store: StoreName;
  /** Default 3. */
  readonly nodes?: number;
  /** Default 4. */
  readonly graceSeconds?: number;
  /** What is different for a node. */
  readonly environmentOf?: (node: number) => Readonly<Record<string, string>>;
  /** An operator ends every session, by the documented step. */
  readonly endsSessions?: boolean;
  /** Starts the store, and says what happens to it while people use it. */
  prepare(): Promise<{ readonly database: ChaosDatabase; act(stage: Stage): Promise<void> }>;
}

/** Signs out some of those who are on. */
async function someLeave(crowd: Crowd, count: number, mayBeForgotten = false): Promise<void> {
  await Promise.all(crowd.on.slice(0, count).map((person) => crowd.leave(person, mayBeForgotten)));
}

/** A fault that lasts, with sign-outs in the middle. */
async function meanwhile({ crowd, milliseconds }: Stage): Promise<void> {
  // Those who sign out while the store is away get their answer when it is back.
  someLeave(crowd, 2).catch((error: Error) => crowd.violate("no recovery", error.message));
  await pause(milliseconds);
}

/** Both stores, the same scenario. */
function onBoth(
  scenario: Omit<Scenario, "store" | "prepare"> & { act(stage: Stage, database: ChaosDatabase): Promise<void> },
): Scenario[] {
  const { act, ...rest } = scenario;
  const starters = { postgres: onePostgres, redis: oneRedis } as const;
  return (["postgres", "redis"] as const).map((store) => ({
    ...rest,
    store,
    async prepare() {
      const database = await starters[store]();
      return { database, act: (stage) => act(stage, database) };
    },
  }));
}

/**
 * Two acknowledged refreshes of a session fit into what a failover may lose: the successor that the client holds then proves
 * its descent. Half of the people make one, the others two.
 */
async function writeWhatWillBeLost({ crowd, injected }: Stage): Promise<void> {
  const refreshOnce = async (person: Person): Promise<void> => {
    await crowd.refresh(person);
    injected("acknowledged refreshes lost");
  };
  await Promise.all(
    crowd.on.map(async (person, index) => {
      await refreshOnce(person);
      if (index % 2 === 0) return;
      await crowd.confirm(person);
      await refreshOnce(person);
    }),
  );
  await someLeave(crowd, 2, true);
  injected("acknowledged sign-outs lost", 2);
}

/** How often and how long a node is killed. */
const nodeKills = 6;

/** Every scenario, in the order of the table. */
export const scenarios: readonly Scenario[] = [
  ...onBoth({
    name: "node-killed",
    title: "kill -9 of one node after the other, under load",
    async act({ fleet, crowd, milliseconds, injected, repaired }) {
      for (let kill = 0; kill < nodeKills; kill += 1) {
        const node = kill % fleet.nodes.length;
        await fleet.end(node, "kill");
        injected("nodes killed");
        if (kill % 3 === 1) await someLeave(crowd, 1);
        await pause(milliseconds / nodeKills);
        repaired();
        await fleet.begin(node);
      }
    },
  }),
  ...onBoth({
    name: "connections-cut",
    title: "every connection of the database is ended, again and again",
    async act({ crowd, milliseconds, injected, repaired }, database) {
      for (let round = 0; round < 10; round += 1) {
        injected("connections cut", await database.cutConnections());
        repaired();
        if (round === 5) await someLeave(crowd, 2);
        await pause(milliseconds / 10);
      }
    },
  }),
  ...onBoth({
    name: "database-restarted",
    title: "the database crashes and comes back",
    async act({ crowd, milliseconds, injected, repaired }, database) {
      const leaving = someLeave(crowd, 2);
      await database.restart(milliseconds);
      repaired();
      injected("crashes");
      await leaving;
    },
  }),
  {
    name: "replica-promoted",
    title: "the primary dies and its standby, which lacks the last writes, takes over",
    store: "postgres",
    async prepare() {
      let follow: Link | undefined;
      const pair: PostgresPair = await postgresPair(async (port) => {
        follow = await startLink(port);
        return follow.port;
      });
      const close = async (): Promise<void> => {
        await follow?.close();
        await pair.close();
      };
      return {
        database: { ...pair, close },
        async act(stage) {
          const { fleet, crowd, injected, repaired } = stage;
          await crowd.rest();
          await someLeave(crowd, 2);
          while (!(await hasCaughtUp(pair))) await pause(50);
          follow?.silence();
          await writeWhatWillBeLost(stage);
          await pair.primary.crash();
          follow?.cut();
          await pair.standby.promote();
          for (const { link } of fleet.nodes) link.lead(Number(new URL(pair.standby.url).port));
          repaired();
          injected("standbys promoted");
          crowd.live();
        },
      };
    },
  },
  {
    name: "restored-snapshot",
    title: "Redis dies and comes back with an older snapshot",
    store: "redis",
    async prepare() {
      const database = await redisOfSnapshots();
      return {
        database,
        async act(stage) {
          const { crowd, injected, repaired } = stage;
          await crowd.rest();
          await someLeave(crowd, 2);
          await database.snapshot();
          await writeWhatWillBeLost(stage);
          await database.restart(500);
          repaired();
          injected("snapshots restored");
          crowd.live();
        },
      };
    },
  },
  {
    name: "sentinel-failover",
    title: "the primary dies and the Sentinels promote its replica",
    store: "redis",
    async prepare() {
      const database = await redisOfSentinels();
      const before = await database.primaryPort();
      return {
        database,
        async act({ fleet, crowd, injected, repaired }) {
          await someLeave(crowd, 2);
          // What was answered has reached the replica; what is lost otherwise, the two scenarios above show.
          await crowd.rest();
          await pause(200);
          crowd.live();
          await crowd.rest();
          await database.crashPrimary();
          crowd.live();
          let port = before;
          while (port === before) {
            await pause(100);
            port = await database.primaryPort().catch(() => before);
          }
          for (const { link } of fleet.nodes) link.lead(port);
          repaired();
          injected("failovers");
        },
      };
    },
  },
  ...onBoth({
    name: "node-cut-off",
    title: "one node loses its store: packets are dropped, then arrive after all",
    async act(stage) {
      const { fleet, crowd, injected, repaired } = stage;
      for (const { link } of fleet.nodes.slice(0, 2)) {
        link.silence();
        injected("partitions");
        await meanwhile(stage);
        link.heal();
        repaired();
        await pause(1_000);
      }
      await someLeave(crowd, 1);
    },
  }),
  ...onBoth({
    name: "slow-store",
    title: "every answer of the store takes 2 s",
    graceSeconds: 20,
    async act(stage) {
      for (const { link } of stage.fleet.nodes) link.slow(2_000);
      stage.injected("seconds with a slow store", Math.round((2 * stage.milliseconds) / 1000));
      await meanwhile(stage);
      await pause(stage.milliseconds);
      for (const { link } of stage.fleet.nodes) link.slow(0);
      stage.repaired();
    },
  }),
  ...onBoth({
    name: "clock-off",
    title: "one node's clock is 5 minutes ahead, another's 5 minutes behind",
    environmentOf: (node) => ({
      NODE_OPTIONS: `--import ${join(import.meta.dirname, "clock-off.mjs")}`,
      CHAOS_CLOCK_MILLISECONDS: String([0, 300_000, -300_000][node] ?? 0),
    }),
    async act(stage) {
      stage.injected("clocks off", 2);
      await meanwhile(stage);
      // Nothing is repaired: the clocks stay as wrong as they are.
      stage.repaired();
    },
  }),
  ...onBoth({
    name: "rolling-restart",
    title: "every node is stopped in an orderly way and started again, in turn",
    async act({ fleet, crowd, milliseconds, injected, repaired }) {
      for (const node of fleet.nodes.keys()) {
        await fleet.end(node, "stop");
        injected("nodes restarted");
        if (node === 1) await someLeave(crowd, 2);
        repaired();
        await fleet.begin(node);
        await pause(milliseconds / fleet.nodes.length);
      }
    },
  }),
  {
    name: "backup-restored",
    title: "the database is lost and put back from a backup; the operator ends what it brings back",
    store: "postgres",
    endsSessions: true,
    async prepare() {
      const database = await onePostgres();
      return {
        database,
        async act({ fleet, crowd, milliseconds, injected, repaired }) {
          const file = join(fleet.folder, "backup.db");
          await fleet.command(["store", "backup", file]);
          await pause(milliseconds);
          await someLeave(crowd, 4);
          await crowd.rest();
          for (const node of fleet.nodes.keys()) await fleet.end(node, "stop");
          await database.wipe();
          await fleet.command(["store", "copy", `sqlite:${file}`, database.url]);
          await fleet.command(["sessions", "revoke", "--before", new Date().toISOString()]);
          injected("backups restored");
          repaired();
          for (const node of fleet.nodes.keys()) await fleet.begin(node);
        },
      };
    },
  },
];
