// The answers of the token lab on the page: the last one large, every one in the log with what it means.
// Knows neither tokens nor the session.

import { byId, element, setText } from "./dom.ts";
import type { Exchange } from "./lab-session.ts";
import { tell } from "./lab-words.ts";
import { timeOf } from "./words.ts";

const logEntriesMax = 40;

/** Shows `exchange` as the last answer, and in the log. */
export function showAnswer(exchange: Exchange, softZoneMilliseconds: number): void {
  const { tone, what, means } = tell(exchange, softZoneMilliseconds);
  byId("lab-answer", HTMLElement).dataset.tone = tone;
  setText(byId("lab-answer-status", HTMLElement), exchange.status);
  setText(byId("lab-answer-what", HTMLElement), what);
  setText(byId("lab-answer-means", HTMLElement), means);
  logAnswer(exchange, softZoneMilliseconds);
}

/** Adds `exchange` to the log, newest first; the oldest entries go. */
export function logAnswer(exchange: Exchange, softZoneMilliseconds: number): void {
  const { tone, what, means } = tell(exchange, softZoneMilliseconds);
  const list = byId("lab-log", HTMLOListElement);
  const line = element("span", {}, exchange.request, element("strong", {}, exchange.status));
  const entry = element("li", { "data-tone": tone }, element("time", {}, timeOf(exchange.at)), line);
  entry.append(element("span", { class: "log-means" }, `${what} ${means}`));
  list.prepend(entry);
  while (list.children.length > logEntriesMax) list.lastElementChild?.remove();
}

/** Empties the log. */
export function clearLog(): void {
  byId("lab-log", HTMLOListElement).replaceChildren();
}
