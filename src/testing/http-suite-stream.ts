// HTTP suite: the revocation feed as a stream of events. Owns what a listener sees and that none is left behind; what the
// feed holds is tested with the engine.

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { leewaySecondsMax } from "../core/access-claims.ts";
import { nodePlatform } from "../platform/node.ts";
import { EventReader } from "./event-reader.ts";
import type { Answer, SuiteSubject } from "./http-suite-target.ts";
import { assertAuthHeaders, assertProblem, Scene } from "./http-suite-target.ts";

const feedToken = "feed-token-0123456789";
const path = "/auth/revocations";
const patienceMilliseconds = 10_000;
const pollMilliseconds = 20;

interface Told {
  readonly cursor: string;
  readonly snapshot?: boolean;
  readonly revocations: readonly { readonly sid: string }[];
}

/** Waits until it is so, at most 10 s. */
async function eventually(what: string, isSo: () => boolean): Promise<void> {
  for (let waited = 0; !isSo(); waited += pollMilliseconds) {
    assert.ok(waited < patienceMilliseconds, what);
    await nodePlatform.scheduler.wait(pollMilliseconds);
  }
}

function listeners(scene: Scene): number {
  return scene.target.sessions.revocationFeedState().listeners;
}

/** Asks for the stream. */
function ask(scene: Scene, query = "", headers: Record<string, string> = {}, method = "GET"): Promise<Response> {
  const all = { authorization: `Bearer ${feedToken}`, accept: "text/event-stream", ...headers };
  return scene.target.send({ method, path: `${path}${query}`, headers: all });
}

async function listen(scene: Scene, query = "", headers: Record<string, string> = {}): Promise<EventReader> {
  const response = await ask(scene, query, headers);
  assert.equal(response.status, 200);
  return new EventReader(response);
}

/** What the next event says. */
async function told(events: EventReader): Promise<Told> {
  const event = await events.next();
  assert.ok(event?.data, "an event with data");
  const page = JSON.parse(event.data) as Told;
  assert.equal(event.id, page.cursor);
  return page;
}

/** Signs somebody in and ends the session. Resolves its id. */
async function end(scene: Scene): Promise<string> {
  const { accessToken, sid } = await scene.signIn();
  assert.equal((await scene.delete("/auth/sessions", accessToken)).status, 200);
  return sid;
}

async function answerOf(response: Response): Promise<Answer> {
  const text = await response.text();
  const json = text === "" ? {} : (JSON.parse(text) as Record<string, unknown>);
  return { status: response.status, headers: response.headers, text, json, cookies: response.headers.getSetCookie() };
}

/** Declares the tests. */
export function streamTests(subject: SuiteSubject): void {
  describe("the revocation feed as a stream", () => {
    test("begins with where it is, goes on with what ends, each event the object of a poll", async (t) => {
      const scene = await Scene.start(t, subject, { handler: { feedToken } });
      const response = await ask(scene);
      assert.equal(response.status, 200);
      assert.equal(response.headers.get("content-type"), "text/event-stream");
      assert.equal(response.headers.get("x-accel-buffering"), "no");
      assert.equal(response.headers.get("content-length"), null);
      assert.equal(response.headers.get("content-encoding"), null);
      assertAuthHeaders({ ...response, status: 200, headers: response.headers, text: "", json: {}, cookies: [] });
      const events = new EventReader(response);
      const first = await told(events);
      assert.deepEqual(first.revocations, []);
      const sid = await end(scene);
      const next = await told(events);
      const polled = await scene.get(`${path}?after=${encodeURIComponent(first.cursor)}`, feedToken);
      assert.deepEqual(next, polled.json);
      assert.deepEqual(
        next.revocations.map((entry) => entry.sid),
        [sid],
      );
      await events.leave();
    });

    test("resumes after Last-Event-ID, which is newer than the address; after counts without it", async (t) => {
      const scene = await Scene.start(t, subject, { handler: { feedToken } });
      const ended: string[] = [];
      const cursors: string[] = [];
      for (let count = 0; count < 3; count += 1) {
        ended.push(await end(scene));
        cursors.push((await scene.get(path, feedToken)).json.cursor as string);
      }
      const [oldest = "", middle = "", newest = ""] = cursors;
      const seen = async (query: string, headers: Record<string, string>): Promise<string[]> => {
        const events = await listen(scene, query, headers);
        const { revocations, snapshot } = await told(events);
        await events.leave();
        assert.equal(snapshot, undefined);
        return revocations.map(({ sid }) => sid);
      };
      assert.deepEqual(await seen("", {}), ended);
      assert.deepEqual(await seen(`?after=${oldest}`, {}), ended.slice(1));
      assert.deepEqual(await seen(`?after=${oldest}`, { "last-event-id": middle }), ended.slice(2));
      assert.deepEqual(await seen("?after=", { "last-event-id": newest }), []);
      assert.deepEqual(await seen(`?after=${middle}`, { "last-event-id": "" }), ended.slice(2));
      assertProblem(await answerOf(await ask(scene, "?after=junk%20cursor")), "invalid_request");
      assertProblem(await answerOf(await ask(scene, "", { "last-event-id": "junk" })), "invalid_request");
    });

    test("a cursor that leads nowhere any more begins anew and says so, polled and streamed", async (t) => {
      const scene = await Scene.start(t, subject, { handler: { feedToken } });
      await end(scene);
      const { cursor } = (await scene.get(path, feedToken)).json as unknown as Told;
      scene.advance(902 + leewaySecondsMax);
      await scene.target.sessions.purge();
      const sid = await end(scene);
      const events = await listen(scene, `?after=${cursor}`);
      const page = await told(events);
      await events.leave();
      assert.equal(page.snapshot, true);
      assert.deepEqual(
        page.revocations.map((entry) => entry.sid),
        [sid],
      );
      assert.deepEqual((await scene.get(`${path}?after=${cursor}`, feedToken)).json, page);
      const onwards = await scene.get(`${path}?after=${page.cursor}`, feedToken);
      assert.deepEqual(onwards.json, { cursor: page.cursor, revocations: [] });
    });

    test("is for those who may poll, and for those who name its type", async (t) => {
      const scene = await Scene.start(t, subject, { handler: { feedToken } });
      for (const authorization of ["Bearer wrong", `Bearer ${feedToken}x`, ""]) {
        assertProblem(await answerOf(await ask(scene, "", { authorization })), "invalid_token");
      }
      for (const accept of ["*/*", "application/json", "text/*", "application/json, text/plain"]) {
        const polled = await ask(scene, "", { accept });
        assert.equal(polled.headers.get("content-type"), "application/json", accept);
        await polled.text();
      }
      const listed = await ask(scene, "", { accept: "application/json;q=0.5, Text/Event-Stream;q=1" });
      assert.equal(listed.headers.get("content-type"), "text/event-stream");
      await new EventReader(listed).leave();
      const head = await ask(scene, "", {}, "HEAD");
      assert.equal(head.status, 200);
      assert.equal(head.headers.get("content-type"), "text/event-stream");
      assert.equal(await head.text(), "");
      await eventually("nobody listens any more", () => listeners(scene) === 0);
    });

    test("has room for so many, and a place is free when its listener has left", async (t) => {
      const scene = await Scene.start(t, subject, { handler: { feedToken, feedListenersMax: 2 } });
      const [first, second] = [await listen(scene), await listen(scene)];
      await Promise.all([told(first), told(second)]);
      const refused = await answerOf(await ask(scene));
      assertProblem(refused, "store_unavailable");
      assert.equal(refused.headers.get("retry-after"), "5");
      await first.leave();
      await eventually("a place is free", () => listeners(scene) === 1);
      const third = await listen(scene);
      await told(third);
      const sid = await end(scene);
      for (const events of [second, third]) assert.equal((await told(events)).revocations[0]?.sid, sid);
      await Promise.all([second.leave(), third.leave()]);
      await eventually("nobody listens any more", () => listeners(scene) === 0);
    });

    test("ends when the engine is closed", async (t) => {
      const scene = await Scene.start(t, subject, { handler: { feedToken } });
      const events = await listen(scene);
      await told(events);
      await scene.target.sessions.close();
      assert.equal(await events.next(), undefined);
    });
  });
}
