// Forged requests in real browsers: a person is signed in, and every page that is not the app's sends every request that
// a page can send. None may change anything, set a cookie or be believed; what each engine does with each is the table
// in docs/reference/browsers.md.

import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { places } from "./client-scene.ts";
import { poll } from "./deadline.ts";
import { type Browser, type EngineName, engines, launch, type Tab } from "./engines.ts";
import { committedOutcomes, type Outcomes, writeOutcomes } from "./forged-table.ts";
import { deletion, documented, type Forgery, holderPage, hostilePage, leaving, scripted } from "./forgery.ts";
import { type Host, type Page, type Seen, type Site, startSite } from "./site.ts";

const password = "four unlikely words together";
const mallory = { email: "mallory@example.com", password } as const;
const isUpdate = process.env.PAWL_TEST_UPDATE === "1";
const endpoints = ["refresh", "confirm", "logout", "login", "register", "password"] as const;

/**
 * Frames show what they were answered; no event tells when. A page that is left before brings the driver of Firefox down
 * (playwright-core 1.64.1 looks the frame up that has gone).
 */
const settleMilliseconds = 800;

/** Where forged requests come from: the page that is opened, and the way to the app. */
interface Source {
  readonly name: string;
  readonly page: readonly [host: Host, path: string];
  /** Through a redirect (307, which keeps method and body) of evil. */
  readonly isBounced?: boolean;
}
const sources: readonly Source[] = [
  { name: "other site", page: ["evil", "/hostile"] },
  { name: "same site, other origin", page: ["sub", "/hostile"] },
  { name: "sandboxed frame in the app", page: ["app", "/sandbox"] },
  { name: "frame of the other site in the app", page: ["app", "/advertisement"] },
  { name: "app, redirected by the other site", page: ["app", "/hostile"], isBounced: true },
];

/** As `connect-src` and CORS of a hostile server would have it: everything is allowed, and sent on. */
const bounce: Page = (passed, outgoing) => {
  const headers = {
    "access-control-allow-origin": passed.headers.origin ?? "*",
    "access-control-allow-credentials": "true",
    "access-control-allow-headers": "content-type, x-pawl",
    "access-control-allow-methods": "POST, DELETE",
  };
  const location = new URLSearchParams(passed.path.split("?")[1]).get("to") ?? "";
  if (passed.method === "OPTIONS") outgoing.writeHead(204, headers).end();
  else outgoing.writeHead(307, { ...headers, location }).end();
};

function servePages(site: Site): void {
  for (const host of ["app", "sub", "evil"] as const) site.serve(host, "/hostile", hostilePage);
  site.serve("evil", "/bounce", bounce);
  site.serve("app", "/sandbox", holderPage('<iframe sandbox="allow-scripts allow-forms" src="/hostile"></iframe>'));
  site.serve("app", "/advertisement", holderPage(`<iframe src="${site.origins.evil}/hostile"></iframe>`));
}

/** A request and the mark in its URL by which its traces are found. */
interface Marked extends Forgery {
  readonly mark: string;
}

let marks = 0;

function forge(site: Site, source: Source, kind: string, endpoint: string): Marked {
  marks += 1;
  const mark = `forged=${marks}.`;
  const url = `${site.origins.app}/auth/${endpoint}?${mark}`;
  const isSignIn = endpoint === "login" || endpoint === "register";
  const someone = endpoint === "register" ? { email: `victim${marks}@example.com`, password } : mallory;
  return {
    kind,
    mark,
    url: source.isBounced === true ? `${site.origins.evil}/bounce?to=${encodeURIComponent(url)}` : url,
    fields: isSignIn ? someone : endpoint === "password" ? { current_password: password, new_password: password } : {},
  };
}

/** What became of one, in the words of the table; fails if it was believed. */
function outcomeOf(site: Site, { kind, mark }: Marked, heard: string): string {
  const traces = site.seen.filter(({ path }) => path.includes(mark));
  const requests = traces.filter(({ method }) => method !== "OPTIONS");
  for (const trace of traces) assert.equal(trace.answer?.setsCookie, false, `${kind} ${trace.path} was given a cookie`);
  assert.ok(!heard.startsWith("read"), `${kind}: the hostile page could read an answer`);
  const [request] = requests;
  if (request === undefined) {
    assert.ok(traces.length > 0 || heard === "error", `${kind} was never sent: ${heard}`);
    return traces.length > 0 ? "preflight refused" : "not sent";
  }
  assert.equal(requests.length, 1);
  // A deletion needs an access token, which no browser adds by itself.
  const expected = ({ GET: 405, DELETE: 401 } as Record<string, number>)[request.method] ?? 403;
  assert.equal(request.answer?.status, expected, `${kind} ${request.path}`);
  return `${expected}: ${[request.site ?? "no Sec-Fetch-Site", nameOf(site, request), ...cookie(request)].join(", ")}`;
}

function nameOf(site: Site, { origin }: Seen): string {
  const host = (Object.keys(site.origins) as Host[]).find((each) => site.origins[each] === origin);
  return `Origin ${host ?? origin ?? "absent"}`;
}

function cookie({ hasCookie }: Seen): string[] {
  return hasCookie ? ["with cookie"] : [];
}

/** Firefox goes nowhere while it draws its page about a refusal: asks until it does. */
async function open(tab: Tab, url: string): Promise<void> {
  const goes = (): Promise<true | undefined> =>
    tab.goto(url).then(
      () => true,
      () => undefined,
    );
  await poll(goes, 10_000, url);
}

/** All that a page sends without being left, at once. */
async function playInPage(site: Site, tab: Tab, source: Source, outcomes: Map<string, Set<string>>): Promise<void> {
  const kinds = [...scripted, ...documented];
  const forgeries = kinds.flatMap((kind) => endpoints.map((endpoint) => forge(site, source, kind, endpoint)));
  forgeries.push(forge(site, source, deletion, "sessions"));
  const [host, path] = source.page;
  await open(tab, site.origins[host] + path);
  const heard = await tab.evaluate<string[]>((list) => sendAll(list), forgeries);
  // Nobody tells about these: their traces do.
  await Promise.all(forgeries.filter((_each, index) => heard[index] === "sent").map(({ mark }) => site.answered(mark)));
  await new Promise((resolve) => setTimeout(resolve, settleMilliseconds));
  forgeries.forEach((each, index) => {
    const name = `${source.name} | ${each.kind}`;
    outcomes.set(name, (outcomes.get(name) ?? new Set()).add(outcomeOf(site, each, heard[index] as string)));
  });
}

/** What leaves the page, one after the other. */
async function playLeaving(site: Site, tab: Tab, source: Source, outcomes: Map<string, Set<string>>): Promise<void> {
  const [host, path] = source.page;
  for (const kind of leaving) {
    // A redirected link is a link.
    if (kind === "link" && source.isBounced === true) continue;
    for (const endpoint of source.name === "other site" ? ["refresh", "login"] : ["refresh"]) {
      const forgery = forge(site, source, kind, endpoint);
      await open(tab, site.origins[host] + path);
      // The page may be gone before it has said that it sent it.
      await tab.evaluate((list) => sendAll(list), [forgery]).catch(() => undefined);
      await site.answered(forgery.mark);
      await arrival(tab, forgery);
      const name = `${source.name} | ${kind}`;
      outcomes.set(name, (outcomes.get(name) ?? new Set()).add(outcomeOf(site, forgery, "sent")));
    }
  }
}

/** The refusal is what the tab shows, or the engine's page about it (Firefox's never counts as complete). */
async function arrival(tab: Tab, { mark }: Marked): Promise<void> {
  const isThere = async (): Promise<true | undefined> => {
    // Between two documents there is nothing to ask.
    const shown = await tab.evaluate<string>("location.href + document.readyState").catch(() => "");
    return shown.includes(mark) && !shown.endsWith("loading") ? true : undefined;
  };
  await poll(isThere, 10_000, `the answer to ${mark} in the tab`);
}

async function signUp(site: Site, tab: Tab, email: string): Promise<void> {
  await open(tab, `${site.origins.app}/hostile`);
  const status = await tab.evaluate(
    async (body) =>
      (await fetch("/auth/register", { method: "POST", headers: { "content-type": "application/json" }, body })).status,
    JSON.stringify({ email, password }),
  );
  assert.equal(status, 201);
}

async function refreshes(site: Site, tab: Tab): Promise<number> {
  await open(tab, `${site.origins.app}/hostile`);
  return tab.evaluate(async () => {
    const headers = { "content-type": "application/json", "x-pawl": "1" };
    return (await fetch("/auth/refresh", { method: "POST", headers, body: "{}" })).status;
  });
}

/** Per place, then per row: what was seen. */
const measured = new Map<EngineName, Map<string, Map<string, Set<string>>>>();

/** One cell a row: the same on both places, or what was seen on each. */
function merged(engine: EngineName): Outcomes {
  const byPlace = [...(measured.get(engine) ?? [])];
  const rows = byPlace.flatMap(([, outcomes]) => [...outcomes.keys()]);
  return new Map(
    [...new Set(rows)].map((row) => {
      const cells = byPlace.map(([place, outcomes]) => [place, [...(outcomes.get(row) ?? [])].sort().join(" or ")]);
      const isSame = cells.every(([, cell]) => cell === cells[0]?.[1]);
      const differing = cells.map(([place, cell]) => `${place?.split(":")[0]}: ${cell}`).join("; ");
      return [row, isSame ? (cells[0]?.[1] ?? "") : differing];
    }),
  );
}

for (const { name: engine, skip } of engines) {
  describe(`forged requests in ${engine}`, { skip }, () => {
    let browser: Browser;
    const sites: Site[] = [];
    before(async () => {
      browser = await launch(engine);
    });
    after(async () => {
      await browser?.close();
      await Promise.all(sites.map((site) => site.close()));
    });

    for (const place of places) {
      it(`${place}: nothing is believed, nothing changes`, async () => {
        const site = await startSite(place);
        sites.push(site);
        servePages(site);
        const outcomes = new Map<string, Set<string>>();
        const tab = await browser.newTab();
        // Mallory's account is there, so that a forged sign-in into it would work.
        await signUp(site, tab, mallory.email);
        await signUp(site, tab, "ann@example.com");
        const stored = site.stored();
        for (const source of sources) {
          await playInPage(site, tab, source, outcomes);
          if (source.page[1] === "/hostile") await playLeaving(site, tab, source, outcomes);
          assert.equal(site.stored(), stored, `something changed: ${source.name}`);
        }
        assert.equal(await refreshes(site, tab), 200);
        measured.set(engine, (measured.get(engine) ?? new Map()).set(place, outcomes));
        await tab.close();
      });
    }

    it("and what it did is what docs/reference/browsers.md says", () => {
      assert.equal(measured.get(engine)?.size, places.length, "there is nothing to compare");
      const outcomes = merged(engine);
      if (isUpdate) writeOutcomes(engine, outcomes);
      assert.deepEqual(Object.fromEntries(outcomes), Object.fromEntries(committedOutcomes(engine)));
    });
  });
}

// In functions that run in the page.
declare const sendAll: (forgeries: readonly Forgery[]) => Promise<string[]>;
