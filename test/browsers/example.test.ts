// The page of examples/browser, started as its README says and used as a person uses it, in every browser: a wrong password,
// an account, a second tab that follows, and the end of a device.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { it } from "node:test";
import { freePort } from "../../sim/free-port.ts";
import { newEmail, password } from "./client-scene.ts";
import { poll } from "./deadline.ts";
import { engines, launch, type Tab } from "./engines.ts";

const root = join(import.meta.dirname, "../..");
const example = join(root, "examples/browser");
/** A page that a newcomer can copy. */
const exampleLinesMax = 59;

for (const { name: engine, skip } of engines) {
  it(`the page of examples/browser in ${engine}`, { skip }, async (test) => {
    assert.ok(readFileSync(join(example, "index.html"), "utf8").trimEnd().split("\n").length <= exampleLinesMax);
    const folder = mkdtempSync(join(tmpdir(), "pawl-example-"));
    mkdirSync(join(folder, "node_modules"));
    symlinkSync(root, join(folder, "node_modules/pawl"), "dir");
    for (const name of ["index.html", "server.mjs", "package.json"])
      copyFileSync(join(example, name), join(folder, name));
    const port = await freePort();
    const env = { PATH: process.env.PATH, PORT: String(port) };
    const server = spawn(process.execPath, ["server.mjs"], { cwd: folder, env, stdio: ["ignore", "pipe", "inherit"] });
    const browser = await launch(engine);
    test.after(async () => {
      await browser.close();
      server.kill("SIGKILL");
      rmSync(folder, { recursive: true, force: true });
    });
    await once(server.stdout, "data");
    await useExample(
      await browser.newTab(`http://localhost:${port}/`),
      await browser.newTab(`http://localhost:${port}/`),
    );
  });
}

/** Creates an account in one tab, sees the other follow, ends the session there. */
async function useExample(first: Tab, second: Tab): Promise<void> {
  const shows = (tab: Tab, script: string): Promise<true> =>
    poll(async () => ((await tab.evaluate(script)) === true ? true : undefined), 10_000, script);
  await shows(first, "!document.getElementById('form').hidden");
  const email = newEmail();
  const fill = (tab: Tab, secret: string): Promise<void> =>
    tab.evaluate(
      (given: { email: string; secret: string }) => {
        const [mail, word] = document.querySelectorAll("input") as unknown as [HTMLInputElement, HTMLInputElement];
        mail.value = given.email;
        word.value = given.secret;
        (document.querySelector("button[value=signUp]") as HTMLButtonElement).click();
      },
      { email, secret },
    );
  await fill(first, "short");
  await shows(first, "document.getElementById('problem').textContent.includes('15 characters')");
  await fill(first, password);
  for (const tab of [first, second]) {
    await shows(tab, `document.getElementById('greeting').textContent === 'Hello, ${email}'`);
    await shows(tab, "document.querySelectorAll('#devices li').length === 1");
  }
  await second.evaluate(() => (document.querySelector("#devices button") as HTMLButtonElement).click());
  for (const tab of [first, second]) {
    await shows(tab, "!document.getElementById('form').hidden");
    const left = "[...document.querySelectorAll('input')].map(({ value }) => value).join('')";
    assert.equal(await tab.evaluate(`${left} + document.querySelector('main').innerText.match(/@/)`), "null");
  }
}
