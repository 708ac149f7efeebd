// The list of the person's devices: shows every live session, ends one or all others.
// Asks the client; decides nothing.

import type { Client, DeviceSession } from "../client/index.ts";
import { byId, element, focusOn, setText } from "./dom.ts";
import { complaintOf, dayOf, deviceOf } from "./words.ts";

/** The panel "Your devices". */
export interface Devices {
  /** Asks the server and shows what it says. */
  load(): Promise<void>;
}

/** Prepares the panel. `labId` names the session of the token lab; `onEnded` is told the ids that were ended. */
export function prepareDevices(
  client: Client,
  labId: () => string | undefined,
  onEnded: (ids: readonly string[]) => void,
): Devices {
  const list = byId("devices", HTMLUListElement);
  const problem = byId("devices-error", HTMLElement);
  const others = byId("devices-others", HTMLButtonElement);
  const title = byId("devices-title", HTMLElement);
  let shown: readonly DeviceSession[] = [];

  async function load(): Promise<void> {
    if (client.session.getSnapshot().status !== "signed-in") return;
    try {
      shown = await client.devices.list();
      list.replaceChildren(...shown.map(row));
      others.disabled = shown.length < 2;
      setText(problem, "");
    } catch (error) {
      if (client.session.getSnapshot().status === "signed-in") setText(problem, complaintOf(error).text);
    }
  }

  async function end(button: HTMLButtonElement, ids: readonly string[], task: () => Promise<unknown>): Promise<void> {
    button.disabled = true;
    try {
      await task().catch((error: unknown) => {
        // It was over before we asked: that is what was wanted.
        if ((error as { code?: string }).code !== "not_found") throw error;
      });
      onEnded(ids);
      await load();
      focusOn(title);
    } catch (error) {
      setText(problem, complaintOf(error).text);
    }
    button.disabled = shown.length < 2 && button === others;
  }

  function row(session: DeviceSession): HTMLLIElement {
    const name = session.label ?? deviceOf(session.user_agent);
    const heading = element("p", { class: "device-name" }, name);
    if (session.current === true) heading.append(element("span", { class: "mark", "data-tone": "go" }, "this page"));
    if (session.id === labId()) heading.append(element("span", { class: "mark", "data-tone": "steel" }, "token lab"));
    const facts = [`Signed in ${dayOf(session.created_at)}`, session.ip].filter((fact) => fact !== null);
    const item = element("li", {}, heading, element("p", { class: "device-facts" }, facts.join(" · ")));
    if (session.current !== true) {
      const label = `End the session of ${name}, signed in ${dayOf(session.created_at)}`;
      const button = element("button", { type: "button", "aria-label": label }, "End");
      button.addEventListener("click", () => {
        void end(button, [session.id], () => client.devices.revoke(session.id));
      });
      item.append(button);
    }
    return item;
  }

  others.addEventListener("click", () => {
    const ids = shown.filter((session) => session.current !== true).map((session) => session.id);
    void end(others, ids, () => client.devices.revokeOthers());
  });
  return { load };
}
