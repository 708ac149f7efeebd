// One worker of `pawl serve --workers N`: tells its parent that it serves, and asks it for the metrics of all.
// Owns the worker's end of the messages; a parent that is gone ends the worker (node:cluster does that).

import { nodePlatform } from "../platform/node.ts";
import type { FromWorker, ToWorker } from "./workers.ts";

/** The worker's end of the line to its parent. */
export interface Parent {
  /** Says that this worker serves. */
  ready(line: string): void;
  /** Takes the metrics of this worker; returns what asks for those of all, as one text. */
  shareMetrics(own: () => string): () => Promise<string>;
}

/** How long the parent may take; then a worker answers with its own figures. */
const patienceMilliseconds = 2_000;

function tell(message: FromWorker): void {
  // A parent that is gone cannot be told; this process ends then.
  if (process.connected) process.send?.(message, undefined, undefined, () => undefined);
}

/** Connects a worker with its parent. */
export function connectWithParent(): Parent {
  let count = 0;
  let figures = (): string => "";
  const waiting = new Map<number, (text: string) => void>();
  process.on("message", (message: ToWorker) => {
    if (message.type === "metrics") waiting.get(message.id)?.(message.text);
    else if (message.type === "metrics wanted") tell({ type: "metrics", id: message.id, text: figures() });
  });
  const gather = (): Promise<string> => {
    count += 1;
    const id = count;
    return new Promise((resolve) => {
      const finish = (text: string): void => {
        stopWaiting();
        waiting.delete(id);
        resolve(text);
      };
      const stopWaiting = nodePlatform.scheduler.every(patienceMilliseconds, () => finish(figures()));
      waiting.set(id, finish);
      tell({ type: "metrics wanted", id });
    });
  };
  return {
    ready: (line) => tell({ type: "ready", line }),
    shareMetrics: (own) => {
      figures = own;
      return gather;
    },
  };
}
