// The page of the tests of `pawl/react`: puts a client, React's root and the notes within reach of Playwright.
// Decides nothing; the tests mount and unmount.

import { version } from "react";
import { createRoot, hydrateRoot, type Root } from "react-dom/client";
import { type Client, createClient } from "../../src/client/index.ts";
import { type Notes, type Plan, program } from "./program.ts";

/** What a test finds on the page. */
export interface Stage {
  readonly reactVersion: string;
  readonly client: Client;
  readonly notes: Notes;
  mount(plan: Plan): void;
  /** Takes over what the server rendered. */
  hydrate(plan: Plan): void;
  unmount(): void;
}

const client = createClient();
const notes: Notes = { sessions: [], devices: [] };
const place = document.getElementById("root") as HTMLElement;
let root: Root | undefined;

const stage: Stage = {
  reactVersion: version,
  client,
  notes,
  mount(plan) {
    root = createRoot(place);
    root.render(program(client, notes, plan));
  },
  hydrate(plan) {
    root = hydrateRoot(place, program(client, notes, plan));
  },
  unmount() {
    root?.unmount();
    root = undefined;
  },
};
Object.assign(globalThis, { stage });
