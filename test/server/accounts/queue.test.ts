// The two bounds of the queue, its order, and that a failing task gives its place back.

import assert from "node:assert/strict";
import { test } from "node:test";
import { createQueue } from "../../../src/server/accounts/queue.ts";
import { refusal } from "./fixture.ts";

function createTask(): {
  readonly run: () => Promise<void>;
  readonly started: () => boolean;
  readonly end: () => void;
} {
  let started = false;
  let end: () => void = () => undefined;
  const ended = new Promise<void>((resolve) => {
    end = resolve;
  });
  const run = (): Promise<void> => {
    started = true;
    return ended;
  };
  return { run, started: () => started, end: () => end() };
}

test("runs so many, keeps so many waiting in order, refuses the rest", async () => {
  const queue = createQueue({ runningMax: 2, waitingMax: 2 });
  const tasks = [createTask(), createTask(), createTask(), createTask()];
  const [first, second, third, fourth] = tasks;
  const ends = tasks.map((task) => queue.run(task.run));
  const refused = await refusal(
    queue.run(async () => assert.fail("ran")),
    "rate_limited",
  );
  assert.equal(refused.facts.retryAfterSeconds, 1);
  assert.deepEqual(
    tasks.map((task) => task.started()),
    [true, true, false, false],
  );
  second?.end();
  await ends[1];
  await Promise.resolve();
  assert.deepEqual(
    tasks.map((task) => task.started()),
    [true, true, true, false],
  );
  for (const task of [first, third, fourth]) task?.end();
  await Promise.all(ends);
  assert.equal(await queue.run(async () => "again"), "again");
});

test("a task that fails passes its place on", async () => {
  const queue = createQueue({ runningMax: 1, waitingMax: 1 });
  const failing = queue.run(async () => {
    throw new Error("planned");
  });
  const next = queue.run(async () => "went on");
  await assert.rejects(failing, /planned/);
  assert.equal(await next, "went on");
});

test("never runs more than allowed at once", async () => {
  const queue = createQueue();
  let running = 0;
  let most = 0;
  const task = async (): Promise<void> => {
    running += 1;
    most = Math.max(most, running);
    await new Promise((resolve) => setImmediate(resolve));
    running -= 1;
  };
  await Promise.all(Array.from({ length: 60 }, () => queue.run(task)));
  assert.equal(most, 2);
});
