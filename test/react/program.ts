// The application of the tests of `pawl/react`: what a page shows of its session and devices, with a note of every
// render. Bundled with each React for the browser (page.ts) and for the server (rendering.ts).

import { createElement, type ReactElement, StrictMode } from "react";
import type { Client } from "../../src/client/index.ts";
import { type CurrentSession, type Devices, SessionProvider, useDevices, useSession } from "../../src/react/index.ts";

/** Every value that a component rendered, in order. */
export interface Notes {
  readonly sessions: CurrentSession[];
  readonly devices: Devices[];
}

/** How an application is put together. */
export interface Plan {
  readonly strict?: boolean;
  /** How many components show the devices; default none. */
  readonly deviceLists?: number;
}

/** The application. */
export function program(client: Client, notes: Notes, { strict = false, deviceLists = 0 }: Plan): ReactElement {
  const lists = Array.from({ length: deviceLists }, (_, key) => createElement(DeviceList, { key, notes }));
  const session = createElement(SessionLine, { notes });
  const all = createElement(SessionProvider, { client }, session, createElement("ul", null, lists));
  return strict ? createElement(StrictMode, null, all) : all;
}

/** Shows status, user and reason. */
export function SessionLine({ notes }: { notes: Notes }): ReactElement {
  const current = useSession();
  notes.sessions.push(current);
  return createElement("p", null, [current.status, current.user?.email, current.reason].filter(Boolean).join(" "));
}

function DeviceList({ notes }: { notes: Notes }): ReactElement {
  const current = useDevices();
  notes.devices.push(current);
  const text = current.isLoading ? "loading" : (current.error?.code ?? "loaded");
  return createElement("li", null, `${current.devices.length} ${text}`);
}
