// The list of the person's sessions as React shows it. Owns one list per client and session, shared by all components:
// an answer for an earlier session, or one that comes after the last component has gone, finds nobody who listens.
// Polls nothing: it loads when a component appears, when the session is another one, and when it is asked to.

import { useSyncExternalStore } from "react";
import type { Client, ClientError, DeviceSession } from "../client/index.ts";
import { useSession } from "./session.ts";

/** What `useDevices` returns. Frozen, and the same object until something of it changes. */
export interface Devices {
  /** The live sessions of the person, newest first; empty until the first answer and while nobody is signed in. */
  readonly devices: readonly DeviceSession[];
  /** Why the last call failed; `null` once one succeeds. The list stays as it was. */
  readonly error: ClientError | null;
  /** True while the list is on its way. */
  readonly isLoading: boolean;
  /** Loads the list again, or joins the loading under way. Resolves whether it succeeded; never rejects. */
  readonly reload: () => Promise<boolean>;
  /** Ends one session; it leaves the list with the server's answer. The own one is signed out. Never rejects. */
  readonly revoke: (id: string) => Promise<boolean>;
  /** Ends all sessions but the own one. Resolves whether that succeeded; never rejects. */
  readonly revokeOthers: () => Promise<boolean>;
}

/** What a component subscribes to. */
interface DeviceList {
  readonly getSnapshot: () => Devices;
  readonly subscribe: (listener: () => void) => () => void;
}

/** The lists of one client. */
interface Lists {
  /** Of nobody: it stays empty. */
  readonly idle: DeviceList;
  sid: string | undefined;
  current: DeviceList;
}

const lists = new WeakMap<Client, Lists>();

function listOf(client: Client, sid: string | undefined): DeviceList {
  let known = lists.get(client);
  if (known === undefined) {
    const idle = createList(client, false);
    known = { idle, sid: undefined, current: idle };
    lists.set(client, known);
  }
  if (sid === undefined) return known.idle;
  if (known.sid !== sid) {
    known.sid = sid;
    known.current = createList(client, true);
  }
  return known.current;
}

/** A snapshot and who listens for the next one. */
interface Shown extends DeviceList {
  change(news: Partial<Devices>): void;
  /** Runs `call` and shows what it brought; `done` is shown with it, also where it failed. Resolves whether it did not. */
  attempt(call: () => Promise<Partial<Devices>>, done?: () => Partial<Devices>): Promise<boolean>;
}

function createShown(first: Devices): Shown {
  const listeners = new Set<() => void>();
  let snapshot = Object.freeze(first);
  const change = (news: Partial<Devices>): void => {
    snapshot = Object.freeze({ ...snapshot, ...news });
    for (const listener of [...listeners]) listener();
  };
  return {
    getSnapshot: () => snapshot,
    change,
    async attempt(call, done) {
      try {
        const news = await call();
        change({ error: null, ...news, ...done?.() });
        return true;
      } catch (error) {
        // The client rejects with nothing else.
        change({ error: error as ClientError, ...done?.() });
        return false;
      }
    },
    subscribe(listener) {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
  };
}

function createList({ devices }: Client, isSignedIn: boolean): DeviceList {
  let loading: Promise<boolean> | undefined;
  /** Counts what was ended: a list that was asked for before says nothing of it. */
  let endings = 0;
  const listNow = async (): Promise<Partial<Devices>> => {
    for (;;) {
      const before = endings;
      const list = await devices.list();
      if (before === endings) return { devices: list };
    }
  };
  const load = (): Promise<boolean> => {
    if (!shown.getSnapshot().isLoading) shown.change({ isLoading: true });
    return shown.attempt(listNow, () => {
      loading = undefined;
      return { isLoading: false };
    });
  };
  const reload = (): Promise<boolean> => {
    if (!isSignedIn) return Promise.resolve(false);
    loading ??= load();
    return loading;
  };
  const end = (call: () => Promise<unknown>, isEnded: (session: DeviceSession) => boolean): Promise<boolean> =>
    shown.attempt(async () => {
      await call();
      endings += 1;
      return { devices: shown.getSnapshot().devices.filter((session) => !isEnded(session)) };
    });
  const shown = createShown({
    devices: [],
    error: null,
    // The request leaves once the component is there: until then it says what is about to happen.
    isLoading: isSignedIn,
    reload,
    revoke: (id) =>
      end(
        () => devices.revoke(id),
        (session) => session.id === id,
      ),
    revokeOthers: () =>
      end(
        () => devices.revokeOthers(),
        ({ current }) => current !== true,
      ),
  });
  return {
    getSnapshot: shown.getSnapshot,
    subscribe(listener) {
      const stop = shown.subscribe(listener);
      // StrictMode mounts twice: the second one joins the loading of the first.
      void reload();
      return stop;
    },
  };
}

/**
 * The person's sessions on all devices, and the ways to end them. Loads when somebody is signed in and again when the
 * session is another one; keeps the earlier list while it loads again. All components share one list.
 *
 * ```ts
 * import { useDevices } from "pawl/react";
 * import { createElement } from "react";
 *
 * export function Devices() {
 *   const { devices, revoke } = useDevices();
 *   const items = devices.map(({ id, user_agent }) =>
 *     createElement("li", { key: id }, user_agent, createElement("button", { onClick: () => revoke(id) }, "Sign out")),
 *   );
 *   return createElement("ul", null, items);
 * }
 * ```
 * @throws Error where no `SessionProvider` is above the component.
 */
export function useDevices(): Devices {
  const { client, session } = useSession();
  const { getSnapshot, subscribe } = listOf(client, session?.id);
  return useSyncExternalStore(subscribe, getSnapshot, getSnapshot);
}
