// WebKitGTK's MiniBrowser on a profile folder, driven over its remote inspector: under WebDriver it would keep
// nothing, and a session library has to be seen surviving a restart. Owns its process group, its proxy to *.test and
// the list of its pages.

import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { freePort } from "../../sim/free-port.ts";
import { poll, within } from "./deadline.ts";
import { display, hasDisplay } from "./display.ts";
import { connectInspector, type Inspector } from "./inspector.ts";
import { startLoopbackProxy } from "./loopback-proxy.ts";
import {
  type Browser,
  expressionOf,
  type LaunchOptions,
  readAnswer,
  type Script,
  type Tab,
  tabMillisecondsMax,
} from "./tab.ts";

/** Where Debian installs it. */
export const miniBrowserPath = "/usr/lib/x86_64-linux-gnu/webkit2gtk-4.1/MiniBrowser";
/** Why WebKitGTK cannot run here. */
export const webkitMissing: string | undefined = existsSync(miniBrowserPath)
  ? hasDisplay
    ? undefined
    : "no display and no Xvfb for WebKitGTK"
  : `${miniBrowserPath} is not installed`;

const launchMillisecondsMax = 15_000;
/** It drops a question that comes while it starts. */
const listMillisecondsMax = 1_000;
/** A page is told at most this often to load. */
const loadTimesMax = 3;

/** Starts MiniBrowser on `profile`. */
export async function launchWebkit(profile: string, options: LaunchOptions): Promise<Browser> {
  const proxy = await startLoopbackProxy();
  const port = await freePort();
  const child = await startMiniBrowser(profile, options, proxy.url, port);
  const pages = pagesOf(port);
  // Stays empty and open: the others are opened by its script.
  const opener = await openerOf(pages).catch(async (error: unknown) => {
    await Promise.all([end(child), proxy.close()]);
    throw error;
  });
  let opening: Promise<unknown> = Promise.resolve();
  const open = async (): Promise<Tab> => {
    const known = new Set(await pages.all());
    await evaluate(opener, "void window.open('about:blank', '_blank', 'noopener')");
    const isNew = async (): Promise<string | undefined> => (await pages.all()).find((each) => !known.has(each));
    return tabOf(await connectInspector(await poll(isNew, tabMillisecondsMax, "a new tab")));
  };
  return {
    engine: "webkit",
    version: execFileSync(miniBrowserPath, ["--version"], { env: await environment(profile) })
      .toString()
      .replace(/^\D*/, "")
      .trim(),
    async newTab(url) {
      // One at a time: a new tab is found by not having been there before.
      const opened = opening.then(open);
      opening = opened.catch(() => undefined);
      const tab = await opened;
      if (url !== undefined) await tab.goto(url);
      return tab;
    },
    async close() {
      opener.close();
      await end(child);
      await proxy.close();
    },
  };
}

async function openerOf(pages: Pages): Promise<Inspector> {
  const [first] = await poll(pages.whenSome, launchMillisecondsMax, "MiniBrowser");
  return connectInspector(first as string);
}

async function environment(profile: string): Promise<NodeJS.ProcessEnv> {
  return {
    ...process.env,
    DISPLAY: await display(),
    XDG_DATA_HOME: join(profile, "data"),
    XDG_CACHE_HOME: join(profile, "cache"),
    XDG_CONFIG_HOME: join(profile, "config"),
    LIBGL_ALWAYS_SOFTWARE: "1",
    // Its sandbox needs namespaces that containers do not give; what it loads here are pages of these tests.
    WEBKIT_DISABLE_SANDBOX_THIS_IS_DANGEROUS: "1",
  };
}

async function startMiniBrowser(
  profile: string,
  options: LaunchOptions,
  proxy: string,
  port: number,
): Promise<ChildProcess> {
  mkdirSync(profile, { recursive: true });
  const words = [
    "--enable-developer-extras=true",
    "--javascript-can-open-windows-automatically=true",
    "--ignore-tls-errors",
    `--proxy=${proxy}`,
    "--ignore-host=localhost",
    "--ignore-host=127.0.0.1",
    ...(options.isPrivate === true ? ["--private"] : [`--cookies-file=${join(profile, "cookies.sqlite")}`]),
    "about:blank",
  ];
  const env = { ...(await environment(profile)), WEBKIT_INSPECTOR_HTTP_SERVER: `127.0.0.1:${port}` };
  // A group of its own: its network and page processes end with it.
  const child = spawn(miniBrowserPath, words, { env, stdio: "ignore", detached: true });
  const kill = (): void => killGroup(child, "SIGKILL");
  process.once("exit", kill);
  child.once("exit", () => process.off("exit", kill));
  await once(child, "spawn");
  return child;
}

function killGroup(child: ChildProcess, signal: NodeJS.Signals): void {
  try {
    process.kill(-(child.pid as number), signal);
  } catch {
    // All of it has ended already.
  }
}

/** Ends the window first; what hangs on after it has written its files is killed. */
async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode === null && child.signalCode === null) {
    const ended = once(child, "exit");
    child.kill("SIGTERM");
    await within(ended, tabMillisecondsMax, "MiniBrowser to end").finally(() => killGroup(child, "SIGKILL"));
  }
}

/** The addresses of the pages that can be inspected. */
interface Pages {
  all(): Promise<string[]>;
  whenSome(): Promise<string[] | undefined>;
}

function pagesOf(port: number): Pages {
  const all = async (): Promise<string[]> => {
    const response = await fetch(`http://127.0.0.1:${port}/`, { signal: AbortSignal.timeout(listMillisecondsMax) });
    const list = (await response.text()).matchAll(/\/socket\/\d+\/\d+\/WebPage/g);
    return [...list].map(([path]) => `ws://127.0.0.1:${port}${path}`);
  };
  const whenSome = async (): Promise<string[] | undefined> => {
    const pages = await all().catch(() => []);
    return pages.length > 0 ? pages : undefined;
  };
  return { all, whenSome };
}

async function evaluate(
  inspector: Inspector,
  script: Script<unknown>,
  parameters: readonly unknown[] = [],
): Promise<unknown> {
  const called = (await inspector.send("Runtime.evaluate", {
    expression: expressionOf(script, parameters),
    emulateUserGesture: true,
  })) as { result: { objectId: string } };
  // It knows no promise of a page that came back from the back-forward cache: such a page has to tell by itself.
  const awaited = (await inspector.send("Runtime.awaitPromise", {
    promiseObjectId: called.result.objectId,
    returnByValue: true,
  })) as { result: { value: unknown } };
  return readAnswer(awaited.result.value);
}

function tabOf(inspector: Inspector): Tab {
  const run = (script: Script<unknown>, parameters: readonly unknown[] = []): Promise<unknown> =>
    within(evaluate(inspector, script, parameters), tabMillisecondsMax, `a script: ${script}`);
  /**
   * The old document is marked; the new one is there when the mark is gone. A page that is just handed from one process
   * to another forgets what it was told, so it is told again.
   */
  const load = async (leave: () => Promise<unknown>, what: string): Promise<void> => {
    const told = async (): Promise<true> => {
      await run("void (globalThis.isLeaving = true)");
      await leave();
      return true;
    };
    const isLoaded =
      "globalThis.isLeaving === undefined && location.href !== 'about:blank' && document.readyState === 'complete' || null";
    // Between two documents there is nothing to ask.
    const ask = async (): Promise<unknown> => (await run(isLoaded).catch(() => undefined)) ?? undefined;
    for (let times = 1; ; times += 1) {
      await poll(() => told().catch(() => undefined), tabMillisecondsMax, what);
      const hasLoaded = poll(ask, tabMillisecondsMax / loadTimesMax, what);
      if (await (times < loadTimesMax ? hasLoaded.catch(() => undefined) : hasLoaded)) return;
    }
  };
  return {
    goto: (url) => load(() => inspector.send("Page.navigate", { url }), url),
    reload: () => load(() => inspector.send("Page.reload"), "a reload"),
    evaluate: async (script, ...parameters) => (await run(script, parameters)) as never,
    url: async () => String(await run("location.href")),
    async screenshot(path) {
      const size = (await run("({ width: innerWidth, height: innerHeight })")) as { width: number; height: number };
      const view = { x: 0, y: 0, ...size, coordinateSystem: "Viewport" };
      const { dataURL } = await within(inspector.send("Page.snapshotRect", view), tabMillisecondsMax, "a picture");
      writeFileSync(path, Buffer.from(String(dataURL).split(",")[1] ?? "", "base64"));
    },
    async close() {
      // Its own end may come before the answer.
      await run("void window.close()").catch(() => undefined);
      inspector.close();
    },
  };
}
