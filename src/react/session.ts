// The client in React's context, and the hook that follows its session. Owns the objects that the hook returns: one per
// client and snapshot, so that whatever compares references renders nothing anew.
// Draws nothing, and keeps no copy of the session in the state of a component.

import {
  createContext,
  createElement,
  type ReactElement,
  type ReactNode,
  useContext,
  useEffect,
  useSyncExternalStore,
} from "react";
import type { Client, SessionSnapshot } from "../client/index.ts";

/** What `useSession` returns: the snapshot of the session, and the client that it is of. Frozen. */
export interface CurrentSession extends SessionSnapshot {
  readonly client: Client;
}

/** Properties of `SessionProvider`. */
export interface SessionProviderProps {
  /** Made once, outside of the components. */
  readonly client: Client;
  readonly children?: ReactNode;
}

interface View {
  /** The same object until the snapshot of the client changes. */
  readonly current: () => CurrentSession;
  /** What a server renders, and what the browser repeats while it hydrates: the cookie cannot be read there. */
  readonly unknown: () => CurrentSession;
}

const Context = createContext<Client | null>(null);
const views = new WeakMap<Client, View>();

function viewOf(client: Client): View {
  const known = views.get(client);
  if (known !== undefined) return known;
  const unknown: CurrentSession = Object.freeze({ status: "unknown", user: null, session: null, reason: null, client });
  let seen: SessionSnapshot | undefined;
  let current = unknown;
  const view: View = {
    current() {
      const snapshot = client.session.getSnapshot();
      if (snapshot !== seen) {
        seen = snapshot;
        current = Object.freeze({ ...snapshot, client });
      }
      return current;
    },
    unknown: () => unknown,
  };
  views.set(client, view);
  return view;
}

/**
 * Gives `client` to every component below, and asks the server once whether somebody is signed in where that is not
 * known yet. Sends nothing while a server renders.
 *
 * ```ts
 * import { createClient } from "pawl/client";
 * import { SessionProvider } from "pawl/react";
 * import { createElement } from "react";
 * import { createRoot } from "react-dom/client";
 *
 * const client = createClient();
 * createRoot(document.body).render(createElement(SessionProvider, { client }, "…"));
 * ```
 */
export function SessionProvider({ client, children }: SessionProviderProps): ReactElement {
  useEffect(() => {
    // Where the server cannot be reached the status stays `unknown`: the next call of the client asks again.
    if (client.session.getSnapshot().status === "unknown") client.refresh().catch(() => undefined);
  }, [client]);
  return createElement(Context.Provider, { value: client }, children);
}

/**
 * The session and its client. Renders the component anew when somebody signs in or out or when what a page shows of the
 * session changes; a refresh changes nothing of it and renders nothing. Every component gets the same object.
 * @throws Error where no `SessionProvider` is above the component.
 */
export function useSession(): CurrentSession {
  const client = useContext(Context);
  if (client === null) {
    throw new Error(
      "No SessionProvider is above this component: render <SessionProvider client={createClient()}> around the application.",
    );
  }
  const { current, unknown } = viewOf(client);
  return useSyncExternalStore(client.session.subscribe, current, unknown);
}
