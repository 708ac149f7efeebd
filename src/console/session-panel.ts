// The panel "This page": the access token of the page's own session with the seconds it has left, and what the last
// requests of the client were. Watches; the client does the work.

import type { Client } from "../client/index.ts";
import { byId, element, setText } from "./dom.ts";
import { complaintOf, shortened, spanOf, timeOf } from "./words.ts";

/** The panel. */
export interface SessionPanel {
  /** Shows the time that is left; called every second. */
  tick(): void;
}

/** A watched request of the client. */
export interface Moment {
  readonly path: string;
  /** 0 without an answer. */
  readonly status: number;
  readonly milliseconds: number;
}

const momentsMax = 4;
const told: Readonly<Record<string, string>> = {
  "/auth/refresh": "refresh",
  "/auth/confirm": "confirm",
  "/auth/login": "sign-in",
  "/auth/register": "sign-up",
  "/auth/password": "new password",
  "/auth/reauthenticate": "re-authentication",
};

/** Sends requests like `fetch` and tells `watch` of each answer. */
export function watchedFetch(watch: (moment: Moment) => void): (request: Request) => Promise<Response> {
  return async (request) => {
    const startedAt = performance.now();
    const tell = (status: number): void => {
      watch({ path: new URL(request.url).pathname, status, milliseconds: performance.now() - startedAt });
    };
    try {
      const response = await fetch(request);
      tell(response.status);
      return response;
    } catch (error) {
      tell(0);
      throw error;
    }
  };
}

/** Adds a line for `moment`, if it is one that changes tokens. */
export function showMoment(moment: Moment): void {
  const name = told[moment.path];
  if (name === undefined) return;
  const list = byId("session-moments", HTMLOListElement);
  const answer = moment.status === 0 ? "no answer" : String(moment.status);
  const text = `${name} · ${answer} · ${Math.round(moment.milliseconds)} ms`;
  list.prepend(element("li", {}, element("time", {}, timeOf(new Date())), element("span", {}, text)));
  while (list.children.length > momentsMax) list.lastElementChild?.remove();
}

interface Life {
  readonly milliseconds: number;
  /** On the scale of performance.now(). */
  readonly endsAt: number;
}

/** The life of a token that has just come: its own clock's times (RFC 7519), so this computer's does not matter. */
function lifeOf(accessToken: string): Life {
  const [, claims = ""] = accessToken.split(".");
  const { iat, exp } = JSON.parse(atob(claims.replaceAll("-", "+").replaceAll("_", "/"))) as Record<string, number>;
  const milliseconds = Math.max(1, ((exp ?? 0) - (iat ?? 0)) * 1000);
  return { milliseconds, endsAt: performance.now() + milliseconds };
}

/** Prepares the panel. */
export function prepareSessionPanel(client: Client, complain: (text: string) => void): SessionPanel {
  const left = byId("session-left", HTMLElement);
  const token = byId("session-token", HTMLElement);
  const ring = byId("session-ring", SVGCircleElement);
  const button = byId("session-refresh", HTMLButtonElement);
  let shown: string | null = null;
  let life: Life | undefined;

  function tick(): void {
    if (life !== undefined) {
      const milliseconds = Math.max(0, life.endsAt - performance.now());
      setText(left, milliseconds === 0 ? "expired" : spanOf(milliseconds));
      ring.setAttribute("stroke-dasharray", `${((100 * milliseconds) / life.milliseconds).toFixed(2)} 100`);
    }
    // A page that is looked at stays in use: this renews the token ahead of time, as any call would.
    const isInUse = client.session.getSnapshot().status === "signed-in" && document.visibilityState === "visible";
    if (isInUse) client.getAccessToken().then(show, () => undefined);
  }

  function show(text: string | null): void {
    if (text === null || text === shown) return;
    shown = text;
    life = lifeOf(text);
    setText(token, shortened(text));
    tick();
  }

  button.addEventListener("click", () => {
    button.disabled = true;
    client
      .refresh()
      .then((isSignedIn) => {
        if (isSignedIn) complain("");
      })
      .catch((error: unknown) => complain(complaintOf(error).text))
      .finally(() => {
        button.disabled = false;
      });
  });
  return { tick };
}
