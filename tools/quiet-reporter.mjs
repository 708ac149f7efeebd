// The reporter of `npm test`: node's own spec reporter without the lines of passing tests, so that a run shows failures,
// skips with their reason, measurements and the summary. Owns no format of its own.

import { compose } from "node:stream";
import { spec } from "node:test/reporters";

function isOrdinaryPass({ type, data }) {
  return type === "test:pass" && data.skip === undefined && data.todo === undefined;
}

/** Holds back the start of each test until one of its results is worth a line; the spec reporter wants pairs. */
async function* worthALine(events) {
  const held = [];
  for await (const event of events) {
    if (event.type === "test:start") {
      held.push(event);
      continue;
    }
    if (event.type === "test:pass" || event.type === "test:fail") {
      const unseen = held.at(-1);
      if (unseen?.data.nesting === event.data.nesting && isOrdinaryPass(event)) {
        held.pop();
        continue;
      }
      yield* held.splice(0);
    }
    yield event;
  }
}

/** Takes the events of a test run, gives the text to print. */
export default async function* quiet(events) {
  yield* compose(events, worthALine, new spec());
}
