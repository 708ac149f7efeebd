// What happens to a page: it is left, comes back from the back-forward cache, is looked at again, finds its network. Renews
// ahead of need unless nobody is signed in; nothing depends on it, because every call renews at need.

import { quietly } from "./error.ts";
import type { State } from "./state.ts";
import type { Tabs } from "./tabs.ts";
import type { Turnstile } from "./turnstile.ts";

/** Watches the page. */
export function watchPage(state: State, tabs: Tabs, turnstile: Turnstile): void {
  const refresh = (): void => void quietly(turnstile.refresh());
  const renew = (): void => {
    if (state.needsToken()) refresh();
  };
  tabs.listen(true);
  // An open channel keeps a page out of the back-forward cache of some browsers.
  addEventListener("pagehide", () => tabs.listen(false));
  addEventListener("pageshow", ({ persisted }) => {
    tabs.listen(true);
    // What was told meanwhile is lost, a sign-out among it.
    if (persisted) refresh();
  });
  // It bubbles from the document.
  addEventListener("visibilitychange", () => {
    if (!document.hidden) renew();
  });
  addEventListener("online", () => {
    quietly(turnstile.resume());
    renew();
  });
}
