// Promises about what a database file gives away: nothing in it is a token or decodes to one, nor to the secret they
// are made under. Part of session-suite.ts; only for stores that have bytes on disk to look at.

import assert from "node:assert/strict";
import { it } from "node:test";
import type { Grant } from "../engine/types.ts";
import type { OpenScene } from "./session-suite-scene.ts";
import { attempt, tokenOf } from "./session-suite-scene.ts";
import type { StoreUnderTest } from "./store-suite-subjects.ts";

const secretBytes = 32;
/** Where the secret of a refresh token lies in its bytes (CONTRACT section 3). */
const secretAt = 27;

/** Every form in which some bytes could lie in a file. */
function formsOf(bytes: Buffer): Buffer[] {
  const texts = (["hex", "base64", "base64url"] as const).map((encoding) => bytes.toString(encoding));
  const trimmed = bytes.toString("base64").replace(/=+$/, "");
  return [bytes, ...[...texts, bytes.toString("hex").toUpperCase(), trimmed].map((text) => Buffer.from(text))];
}

/** What must not be found: the tokens of a grant as text, as bytes, and the secret inside, in every form. */
function needlesOf(grant: Grant): Buffer[] {
  const text = tokenOf(grant);
  const bytes = Buffer.from(text.slice(text.lastIndexOf("_rt_") + 4), "base64url");
  const secret = bytes.subarray(secretAt, secretAt + secretBytes);
  const signature = grant.accessToken.slice(grant.accessToken.lastIndexOf(".") + 1);
  return [
    Buffer.from(text),
    ...formsOf(bytes),
    ...formsOf(secret),
    Buffer.from(grant.accessToken),
    ...formsOf(Buffer.from(signature, "base64url")),
  ];
}

/** Declares them. */
export function secrecyPromises(open: OpenScene, underTest: StoreUnderTest): void {
  const { raw } = underTest;
  if (raw === undefined) return;
  it("keeps nothing on disk that is or decodes to a token or the secret", async (t) => {
    const { sessions, store, platform, signIn } = await open(t);
    const grants: Grant[] = [];
    for (let user = 0; user < 10; user += 1) {
      let { grant } = await signIn(`user ${user}`);
      for (let step = 0; step < 6; step += 1) {
        grants.push(grant);
        platform.clock.advance(100_000);
        const key = step % 2 === 0 ? { attempt: attempt(step) } : {};
        grant = await sessions.refresh({ refreshToken: tokenOf(grant), ...key });
      }
      grants.push(grant);
      if (user % 3 === 0) await sessions.revoke(grant.record.sid, "revoked");
    }
    const secret = await store.embeddedSecret?.(platform.entropy);
    const needles = grants.flatMap(needlesOf);
    if (secret !== undefined) needles.push(Buffer.from(secret), ...formsOf(Buffer.from(secret, "base64url")));
    const hash = (grants.at(-1) as Grant).record.currentHash;
    const search = async (when: string): Promise<void> => {
      const haystack = Buffer.concat(await raw(store));
      // What is stored of a token must be there, or this looked at the wrong bytes.
      assert.ok(haystack.includes(Buffer.from(hash)), `${when}: the hash is there`);
      for (const needle of needles) assert.ok(!haystack.includes(needle), `${when}: token material is on disk`);
    };
    await search("while open");
    await sessions.close();
    await search("after closing");
  });
}
