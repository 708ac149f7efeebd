// A row of tabs, by the pattern of the ARIA Authoring Practices: one tab stop, arrow keys, Home and End.
// Shows and hides panels; knows nothing of what is in them.

import { byId } from "./dom.ts";

/** The tabs. */
export interface Tabs {
  select(id: string): void;
}

/** Prepares the tabs with these ids; each names its panel in `aria-controls`. */
export function prepareTabs(ids: readonly string[]): Tabs {
  const tabs = ids.map((id) => byId(id, HTMLButtonElement));
  const select = (chosen: HTMLButtonElement): void => {
    for (const tab of tabs) {
      const isChosen = tab === chosen;
      tab.setAttribute("aria-selected", String(isChosen));
      tab.tabIndex = isChosen ? 0 : -1;
      byId(tab.getAttribute("aria-controls") ?? "", HTMLElement).hidden = !isChosen;
    }
  };
  for (const [index, tab] of tabs.entries()) {
    tab.addEventListener("click", () => select(tab));
    tab.addEventListener("keydown", (event) => {
      const steps: Readonly<Record<string, number>> = { ArrowRight: index + 1, ArrowLeft: index - 1, Home: 0, End: -1 };
      const step = steps[event.key];
      const target = step === undefined ? undefined : tabs.at(step % tabs.length);
      if (target === undefined) return;
      event.preventDefault();
      select(target);
      target.focus();
    });
  }
  return { select: (id) => select(byId(id, HTMLButtonElement)) };
}
