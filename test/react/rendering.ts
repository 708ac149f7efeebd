// The server of the tests of `pawl/react`: the same application as text. Bundled with each React.
// Runs in Node; nothing of it reaches a browser.

import { createElement } from "react";
import { renderToString } from "react-dom/server";
import type { Client } from "../../src/client/index.ts";
import { type Notes, type Plan, program, SessionLine } from "./program.ts";

/** The application as a server renders it. */
export function render(client: Client, notes: Notes, plan: Plan): string {
  return renderToString(program(client, notes, plan));
}

/** A component whose author forgot the provider. */
export function renderAlone(notes: Notes): string {
  return renderToString(createElement(SessionLine, { notes }));
}
