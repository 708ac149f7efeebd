// What Pawl rests on in every browser: the cookie no script sees, that outlives the browser and is not in a private window;
// and what Clear-Site-Data clears.

import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { createScene, known, openPage, places, refresh, type Scene, signUp } from "./client-scene.ts";
import { engines, launch, temporaryProfile } from "./engines.ts";

for (const { name: engine, skip } of engines) {
  for (const place of places) {
    describe(`${engine} at ${place}`, { skip, concurrency: false }, () => {
      let scene: Scene;
      before(async () => {
        scene = await createScene(place);
      });
      after(() => scene?.close());

      it("keeps the cookie from scripts and from a private window, and over its own restart", async () => {
        const profile = temporaryProfile();
        try {
          const browser = await launch(engine, { profile: profile.path });
          let email: string;
          try {
            const tab = await browser.newTab();
            await openPage(tab, scene);
            email = await signUp(tab, scene);
            assert.equal(await refresh(tab), true);
            const name = place.startsWith("https") ? "__Host-Http-pawl" : `pawl-dev-${new URL(scene.origin).port}`;
            assert.ok(scene.to("/auth/refresh")[0]?.headers.cookie?.startsWith(`${name}=pawl_rt_`));
            assert.equal(await tab.evaluate("document.cookie"), "");
          } finally {
            await browser.close();
          }
          const again = await launch(engine, { profile: profile.path });
          try {
            const tab = await again.newTab();
            await openPage(tab, scene);
            assert.equal(await refresh(tab), true);
            assert.equal((await known(tab)).email, email);
          } finally {
            await again.close();
          }
          const hidden = await launch(engine, { isPrivate: true });
          try {
            const tab = await hidden.newTab();
            await openPage(tab, scene);
            scene.passed.length = 0;
            assert.equal(await refresh(tab), false);
            assert.equal(scene.to("/auth/refresh")[0]?.headers.cookie, undefined);
            await signUp(tab, scene);
            assert.equal(await refresh(tab), true, "a private window has a session of its own");
          } finally {
            await hidden.close();
          }
        } finally {
          profile.remove();
        }
      });

      it("clears its storage with a sign-out that asks for it, and its cookie with every one", async () => {
        const browser = await launch(engine);
        try {
          const tab = await browser.newTab();
          await openPage(tab, scene);
          await signUp(tab, scene);
          const left = await tab.evaluate(async () => {
            localStorage.setItem("kept", "yes");
            await fetch("/auth/logout?clear=storage", { method: "POST", headers: { "X-Pawl": "1" } });
            await new Promise((resolve) => setTimeout(resolve, 200));
            return localStorage.getItem("kept");
          });
          // Clear-Site-Data is for secure contexts; plain http has none but on loopback, where engines differ.
          if (place.startsWith("https")) assert.equal(left, null);
          scene.passed.length = 0;
          assert.equal(await refresh(tab), false);
          assert.equal(scene.to("/auth/refresh")[0]?.headers.cookie, undefined);
        } finally {
          await browser.close();
        }
      });
    });
  }
}
