// What happens to a page: it is left, comes back from the back-forward cache, is looked at again, finds its network. Renews
// ahead of need where somebody is signed in; nothing depends on it, because every call renews at need.

import type { State } from "./state.ts";
import type { Tabs } from "./tabs.ts";
import type { Turnstile } from "./turnstile.ts";

/** What a watched page works on. */
export interface PageParts {
  readonly state: State;
  readonly tabs: Tabs;
  readonly turnstile: Turnstile;
}

/** Watches the page; returns the way to stop. */
export function watchPage({ state, tabs, turnstile }: PageParts): () => void {
  const watching = new AbortController();
  const on = <Type extends keyof WindowEventMap>(type: Type, listener: (event: WindowEventMap[Type]) => void): void =>
    addEventListener(type, listener, { signal: watching.signal });
  const renew = (isForced: boolean): void => {
    if (state.getSnapshot().status !== "signed-in" || !(isForced || state.needsToken())) return;
    turnstile.refresh().catch(() => undefined);
  };
  tabs.listen(true);
  // An open channel keeps a page out of the back-forward cache of some browsers.
  on("pagehide", () => tabs.listen(false));
  on("pageshow", ({ persisted }) => {
    tabs.listen(true);
    // What was told meanwhile is lost, a sign-out among it.
    if (persisted) renew(true);
  });
  // It bubbles from the document.
  on("visibilitychange" as "pagehide", () => {
    if (document.visibilityState === "visible") renew(false);
  });
  on("online", () => {
    turnstile.resume().catch(() => undefined);
    renew(false);
  });
  return () => {
    watching.abort();
    tabs.listen(false);
  };
}
