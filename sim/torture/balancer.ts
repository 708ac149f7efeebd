// The balancer before several nodes: gives each request to the next node in turn, so that the requests of one session wander,
// and to the one after it when the first does not answer. Owns no fault; knows nothing of sessions.

import { type Answer, forward, type Passed, type Proxy as RunningProxy, startProxy } from "../proxy.ts";

/** A running balancer. */
export interface Balancer extends RunningProxy {
  /** Answers that came from each node. */
  readonly answers: readonly number[];
  /** Requests that a second node had to answer. */
  readonly retries: number;
}

/** The part of grace after which no other node is tried: it would work on a request that is no longer alive. */
const retryShare = 0.05;

/** Starts it before the nodes at these ports; a port may change, their number may not. */
export async function startBalancer(ports: readonly number[], graceMilliseconds: number): Promise<Balancer> {
  const answers = ports.map(() => 0);
  let turn = 0;
  let retries = 0;
  const ask = async (passed: Passed, signal: AbortSignal): Promise<Answer> => {
    const begun = performance.now();
    turn += 1;
    const first = turn;
    for (let index = first; ; index += 1) {
      const node = index % ports.length;
      try {
        const answer = await forward(passed, new URL(`http://localhost:${ports[node]}`), signal, passed.headers.host);
        answers[node] = (answers[node] as number) + 1;
        if (index > first) retries += 1;
        return answer;
      } catch (error) {
        const wasLast = index === first + ports.length - 1;
        if (wasLast || signal.aborted || performance.now() - begun > retryShare * graceMilliseconds) throw error;
      }
    }
  };
  const proxy = await startProxy(async (passed, outgoing) => {
    const gone = new AbortController();
    outgoing.once("close", () => gone.abort());
    const answer = await ask(passed, gone.signal);
    outgoing.writeHead(answer.status, answer.headers);
    outgoing.end(answer.body);
  });
  return {
    ...proxy,
    answers,
    get retries() {
      return retries;
    },
  };
}
