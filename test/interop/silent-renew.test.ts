// oidc-client-ts in Chromium: two tabs with a UserManager each renew with one refresh token at the same moment, again and
// again, and both keep working; also on an origin that the server was never told of.

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { after, describe, type TestContext, test } from "node:test";
import { setTimeout as wait } from "node:timers/promises";
import type { BrowserContext, Page, Route } from "playwright-core";
import { installInterop, interopFolder } from "../../tools/interop/install.ts";
import { chromiumMissing, launchChromium } from "../console/chromium.ts";
import { audience, openScene, type Scene } from "./scene.ts";
import { holdTable, type Row } from "./table.ts";

const skip = chromiumMissing;
// Long enough for a machine that is busy with other tests: a request that takes longer than grace is ended.
const graceSeconds = 3;
const softZoneMilliseconds = 2 * graceSeconds * 1000;
const accessSeconds = 8;
const secret = "s3cret-0123456789-0123456789-0123456789-01";
const secretSha256 = createHash("sha256").update(secret).digest("base64url");
const clients = [
  { id: "page", scopes: ["read"], selfService: true },
  { id: "api", authentication: "client_secret", secretSha256, introspects: [audience] },
];

const versions = installInterop();
const table = { name: "silent renewal", columns: ["Client", "Version", "Two tabs", "Result"] };
const words = ["--grace", `${graceSeconds}s`, "--access-ttl", `${accessSeconds}s`];
const open = (more: readonly string[] = []): Promise<Scene> =>
  openScene([...words, ...more], { PAWL_CLIENTS: JSON.stringify(clients) });
/** A server as it comes, and one that lets nobody present a token twice. */
const scenes = skip === false ? { usual: await open(), strict: await open(["--rotation", "strict"]) } : undefined;
/** Refresh tokens for each test, made while the person's own access token lives. */
const grants: object[] = [];
for (let each = 0; scenes !== undefined && each < 3; each += 1) grants.push(await scenes.usual.grant("page"));
const strictGrant = await scenes?.strict.grant("page");
const browser = skip === false ? await launchChromium() : undefined;
after(() => browser?.close());

/** The pages come from an origin of their own. */
const files: Readonly<Record<string, readonly [type: string, path: string]>> = {
  "/": ["text/html", "silent-renew/page.html"],
  "/oidc-client-ts.js": ["text/javascript", "node_modules/oidc-client-ts/dist/browser/oidc-client-ts.min.js"],
};
const site = createServer((request, response) => {
  const [type, path] = files[new URL(request.url ?? "/", "http://localhost").pathname] ?? [];
  if (path === undefined) response.writeHead(404).end();
  else
    response.writeHead(200, { "content-type": `${type}; charset=utf-8` }).end(readFileSync(join(interopFolder, path)));
});
site.listen(0, "127.0.0.1");
await once(site, "listening");
after(() => {
  site.closeAllConnections();
  site.close();
});

/** Holds each request to the token endpoint back until the other tab has sent one too, so that they really meet. */
async function letMeet(context: BrowserContext): Promise<{ readonly meetings: number }> {
  const met = { meetings: 0 };
  let waiting: Route | undefined;
  await context.route("**/oauth/token", async (route) => {
    if (waiting === undefined || waiting.request().frame() === route.request().frame()) {
      await waiting?.continue();
      waiting = route;
      return;
    }
    met.meetings += 1;
    const other = waiting;
    waiting = undefined;
    await Promise.all([other.continue(), route.continue()]);
  });
  return met;
}

interface Tabs {
  readonly pages: readonly [Page, Page];
  readonly met: { readonly meetings: number };
}

/** How two tabs are opened. */
interface Way {
  readonly issuer: string;
  readonly grant: object | undefined;
  readonly store: string;
  readonly isAutomatic?: boolean;
}

/** Two tabs of one browser that know the same refresh token; closed with the test. */
async function openTabs(test: TestContext, way: Way): Promise<Tabs> {
  assert.ok(browser && way.grant);
  const context = await browser.newContext();
  test.after(() => context.close());
  const { port } = site.address() as AddressInfo;
  const automatic = String(way.isAutomatic === true);
  const query = new URLSearchParams({ issuer: way.issuer, client: "page", store: way.store, automatic });
  const address = `http://127.0.0.1:${port}/?${query}`;
  const pages = [await context.newPage(), await context.newPage()] as const;
  for (const page of pages) {
    page.setDefaultTimeout(10_000);
    await page.goto(address);
  }
  const met = await letMeet(context);
  await Promise.all(pages.map((page) => page.evaluate(`signIn(${JSON.stringify(way.grant)})`)));
  return { pages, met };
}

/** What the resource server of the API hears about an access token. */
async function isActive(issuer: string, accessToken: string): Promise<boolean> {
  const answer = await fetch(`${issuer}/oauth/introspect`, {
    method: "POST",
    headers: { authorization: `Basic ${btoa(`api:${secret}`)}` },
    body: new URLSearchParams({ token: accessToken }),
    signal: AbortSignal.timeout(10_000),
  });
  assert.equal(answer.status, 200);
  return ((await answer.json()) as { active: boolean }).active;
}

const renew = "manager.signinSilent().then((user) => user.access_token, (error) => error.message)";

/** Both tabs renew at the same moment; what each gets: an access token, or the words of an error. */
function renewBoth({ pages }: Tabs): Promise<string[]> {
  return Promise.all(pages.map((page) => page.evaluate<string>(renew)));
}

function row(words: string, result: string): Row {
  return ["oidc-client-ts", versions["oidc-client-ts"] as string, words, result];
}

const rows = {
  shared: row("`signinSilent` at once, one store (`localStorage`)", "both keep working"),
  own: row("`signinSilent` at once, a store each (`sessionStorage`)", "both keep working"),
  automatic: row("`automaticSilentRenew`, one store", "both keep working"),
  strict: row("`signinSilent` at once, one store, server with `--rotation strict`", "both are signed out"),
};
const seen = new Set<Row>();

describe("two tabs", { skip, concurrency: true }, () => {
  const usual = scenes?.usual.issuer ?? "";
  for (const [name, store] of [
    ["shared", "localStorage"],
    ["own", "sessionStorage"],
  ] as const) {
    test(`renew at once out of ${store}, and both keep working`, async (test) => {
      const tabs = await openTabs(test, { issuer: usual, grant: grants.pop(), store });
      // In and out of the time in which answers may still be arriving out of order.
      const pauses = [0, 0, 0, softZoneMilliseconds + 200, 0, softZoneMilliseconds + 200, 0];
      for (const pause of pauses) {
        await wait(pause);
        const tokens = await renewBoth(tabs);
        assert.notEqual(tokens[0], tokens[1]);
        assert.deepEqual(await Promise.all(tokens.map((token) => isActive(usual, token))), [true, true], tokens.join());
      }
      assert.equal(tabs.met.meetings, pauses.length, "every time both requests were on their way");
      seen.add(rows[name]);
    });
  }

  test("renew by their clocks, and both keep working", async (test) => {
    const way = { issuer: usual, grant: grants.pop(), store: "localStorage", isAutomatic: true };
    const { pages, met } = await openTabs(test, way);
    await Promise.all(pages.map((page) => page.evaluate("manager.getUser()")));
    const giveUpAt = Date.now() + 30_000;
    while (met.meetings < 3 && Date.now() < giveUpAt) await wait(100);
    await wait(500);
    for (const page of pages) {
      const { renewals, errors } = await page.evaluate<{ renewals: number; errors: string[] }>("seen");
      assert.deepEqual(errors, []);
      assert.ok(renewals >= 3, `${renewals} renewals`);
      const token = await page.evaluate<string>("manager.getUser().then((user) => user.access_token)");
      assert.ok(await isActive(usual, token));
    }
    seen.add(rows.automatic);
  });

  test("renew at once where the server is strict, and both are signed out", async (test) => {
    const issuer = scenes?.strict.issuer ?? "";
    const tabs = await openTabs(test, { issuer, grant: strictGrant, store: "localStorage" });
    const first = await renewBoth(tabs);
    assert.equal(first.filter((each) => each.includes("refresh token")).length, 1, first.join());
    assert.deepEqual(await Promise.all(first.map((token) => isActive(issuer, token))), [false, false]);
    seen.add(rows.strict);
  });
});

test("docs/reference/interop.md says what they did", { skip }, () => {
  holdTable(
    table,
    Object.values(rows).filter((each) => seen.has(each)),
    true,
  );
});
