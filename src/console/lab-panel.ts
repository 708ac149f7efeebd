// The panel "Token lab": wires the levers to the lab's session and shows the answers, the dial, the timers and the log.
// The tokens stay in the session object; what is shown of them is shortened.

import { createDial, type Tooth } from "./dial.ts";
import { byId, element, setText } from "./dom.ts";
import { prepareForm } from "./forms.ts";
import { clearLog, logAnswer, showAnswer } from "./lab-answers.ts";
import type { LabRow } from "./lab-model.ts";
import { type Exchange, LabSession } from "./lab-session.ts";
import { forecastOf, predictionOf, standingOf } from "./lab-words.ts";
import { complaintOf, shortened, spanOf } from "./words.ts";

/** The panel. */
export interface LabPanel {
  /** The id of the lab's session while it lives. */
  id(): string | undefined;
  /** Starts with a password that the visitor just gave elsewhere on the page. */
  start(email: string, password: string): Promise<void>;
  /** Offers to start with a password field. */
  offer(email: string, why: string): void;
  /** Ends the session; `keepalive` outlives the page. */
  end(keepalive?: boolean): void;
  /** The server ended these sessions. */
  ended(ids: readonly string[]): void;
  /** Shows the time that is left. */
  tick(): void;
}

/** Prepares the panel; `onChange` is called when the lab's session appeared or ended. */
export function prepareLab(onChange: () => void): LabPanel {
  const view = createView();
  let lab: LabSession | undefined;
  let email = "";

  async function start(address: string, password: string): Promise<void> {
    lab = await LabSession.start(address, password);
    email = address;
    view.open(lab);
    onChange();
  }

  function offer(address: string, why: string): void {
    email = address;
    lab = undefined;
    view.close(address, why);
  }

  async function pull(task: (lab: LabSession) => Promise<Exchange>): Promise<void> {
    const pulled = lab;
    if (pulled === undefined || view.isBusy()) return;
    view.busy(true);
    const exchange = await task(pulled);
    view.busy(false);
    if (lab !== pulled) return;
    view.answer(exchange, pulled);
    if (exchange.outcome !== "reused" && exchange.outcome !== "over") return;
    // The proof that access tokens die with their session.
    view.log(await pulled.useAccessToken(), pulled);
    view.offerAgain(email);
    onChange();
  }

  prepareForm("lab-start", (values) => start(email, values.password ?? "").then(() => view.focus()));
  const replay = (text: string | undefined): Promise<void> =>
    pull((session) => (text === undefined ? session.refresh() : session.replay(text)));
  view.onPull({
    refresh: () => pull((session) => session.refresh()),
    confirm: () => pull((session) => session.confirm()),
    retry: () => pull((session) => session.retry()),
    replayPrevious: () => replay(lab?.model.previous?.text),
    replay,
  });

  return {
    id: () => (lab?.model.isOver === false ? lab.id : undefined),
    async start(address, password) {
      try {
        await start(address, password);
      } catch (error) {
        offer(address, `The lab could not start. ${complaintOf(error).text}`);
      }
    },
    offer,
    end(keepalive) {
      void lab?.end(keepalive);
      lab = undefined;
    },
    ended(ids) {
      if (lab === undefined || !ids.includes(lab.id)) return;
      lab.model.ended();
      view.show(lab);
      view.offerAgain(email);
    },
    tick() {
      if (lab !== undefined) view.show(lab);
    },
  };
}

interface Levers {
  refresh(): Promise<void>;
  confirm(): Promise<void>;
  retry(): Promise<void>;
  replayPrevious(): Promise<void>;
  replay(text: string): Promise<void>;
}

interface View {
  open(lab: LabSession): void;
  close(email: string, why: string): void;
  offerAgain(email: string): void;
  focus(): void;
  isBusy(): boolean;
  busy(is: boolean): void;
  show(lab: LabSession): void;
  answer(exchange: Exchange, lab: LabSession): void;
  log(exchange: Exchange, lab: LabSession): void;
  onPull(levers: Levers): void;
}

function createView(): View {
  const dial = createDial(byId("lab-dial", HTMLElement), "generation");
  const levers = findLevers();
  const bench = byId("lab-bench", HTMLElement);
  const records = byId("lab-records", HTMLElement);
  const startForm = byId("lab-start", HTMLFormElement);
  const table = createTable();
  let isBusy = false;

  const offerWith = (email: string, why: string): void => {
    byId("lab-email", HTMLInputElement).value = email;
    setText(byId("lab-start-why", HTMLElement), why);
    startForm.hidden = false;
  };
  const show = (lab: LabSession): void => {
    const now = performance.now();
    const rows = lab.model.rows(now);
    const previous = rows.find((row) => row.secret === lab.model.previous?.secret);
    const { isOver } = lab.model;
    showLevers(levers, lab, previous !== undefined);
    setText(byId("lab-forecast", HTMLElement), forecastOf(previous));
    setText(byId("lab-caption", HTMLElement), captionOf(lab));
    const { generation, isBetweenNotches } = lab.model;
    dial.show({ generation, isBetweenNotches, isOver, teeth: teethOf(rows) });
    table.show(rows, isOver);
    showTimers(lab, rows, now);
  };
  const answer = (exchange: Exchange, lab: LabSession): void => {
    showAnswer(exchange, lab.model.softZoneMilliseconds);
    show(lab);
    if (exchange.outcome === "reused") dial.shake();
  };

  return {
    open(lab) {
      startForm.hidden = true;
      startForm.reset();
      bench.hidden = false;
      records.hidden = false;
      clearLog();
      const request = "Sign in, refresh token in the body";
      answer({ at: new Date(), request, status: "200", outcome: "started", generation: 0 }, lab);
    },
    close(email, why) {
      bench.hidden = true;
      records.hidden = true;
      offerWith(email, why);
    },
    offerAgain: (email) => offerWith(email, "This session is over. Start another one to go on."),
    focus: () => levers.refresh.focus(),
    isBusy: () => isBusy,
    busy(is) {
      isBusy = is;
      bench.setAttribute("aria-busy", String(is));
    },
    show,
    answer,
    log: (exchange, lab) => logAnswer(exchange, lab.model.softZoneMilliseconds),
    onPull(pulls) {
      onPress(levers.refresh, pulls.refresh);
      onPress(levers.confirm, pulls.confirm);
      onPress(levers.retry, pulls.retry);
      onPress(levers.replay, pulls.replayPrevious);
      table.onReplay(pulls.replay);
    },
  };
}

type LeverButtons = Readonly<Record<"refresh" | "confirm" | "retry" | "replay", HTMLButtonElement>>;

function findLevers(): LeverButtons {
  return {
    refresh: byId("lab-refresh", HTMLButtonElement),
    confirm: byId("lab-confirm", HTMLButtonElement),
    retry: byId("lab-retry", HTMLButtonElement),
    replay: byId("lab-replay", HTMLButtonElement),
  };
}

/** `aria-disabled` keeps the focus where it is while an answer is awaited. */
function showLevers(levers: LeverButtons, lab: LabSession, hasPrevious: boolean): void {
  const { isOver } = lab.model;
  disable(levers.refresh, isOver);
  disable(levers.confirm, isOver);
  disable(levers.retry, isOver || !lab.canRetry);
  disable(levers.replay, isOver || !hasPrevious);
}

function onPress(button: HTMLButtonElement, task: () => Promise<void>): void {
  button.addEventListener("click", () => {
    if (button.getAttribute("aria-disabled") !== "true") void task();
  });
}

function disable(button: HTMLButtonElement, is: boolean): void {
  if (is) button.setAttribute("aria-disabled", "true");
  else button.removeAttribute("aria-disabled");
}

function captionOf(lab: LabSession): string {
  if (lab.model.isOver) return "The wheel is locked: this session is over.";
  const { generation, isBetweenNotches } = lab.model;
  return isBetweenNotches
    ? `Generation ${generation} is current, ${generation + 1} is handed out. Confirm or use it, and the pawl drops.`
    : `Generation ${generation} is current; nothing else is out.`;
}

function teethOf(rows: readonly LabRow[]): Tooth[] {
  return [...rows].reverse().flatMap(({ generation, standing, prediction }): Tooth[] => {
    if (standing === "dead" || standing === "over") return [];
    if (standing === "retired") return [{ generation, standing: prediction === "superseded" ? "soft" : "retired" }];
    return [{ generation, standing }];
  });
}

function showTimers(lab: LabSession, rows: readonly LabRow[], now: number): void {
  const grace = lab.graceLeft(now);
  byId("grace-bar", HTMLProgressElement).value = grace / (lab.graceSeconds * 1000);
  const graceText =
    grace > 0
      ? `An answer to the last request may be under way for ${spanOf(grace)} more.`
      : `A request may be under way for ${lab.graceSeconds} s. None is now.`;
  setText(byId("grace-text", HTMLElement), graceText);
  const zone = lab.model.softZoneMilliseconds;
  const retired = rows.find((row) => row.prediction === "superseded");
  const left = retired?.changesInMilliseconds ?? 0;
  byId("soft-bar", HTMLProgressElement).value = left / zone;
  const softText =
    retired === undefined
      ? `Twice the grace, ${spanOf(zone)}, from the moment a token is retired.`
      : `A replay of generation ${retired.generation} turns from 409 into 401 in ${spanOf(left)}.`;
  setText(byId("soft-text", HTMLElement), softText);
}

interface TokenTable {
  show(rows: readonly LabRow[], isOver: boolean): void;
  onReplay(replay: (text: string) => Promise<void>): void;
}

/** The table is rebuilt only when a token or a standing changed; the countdowns are texts within it. */
function createTable(): TokenTable {
  const body = byId("lab-tokens", HTMLTableSectionElement);
  let shown = "";
  let replay: (text: string) => Promise<void> = () => Promise.resolve();
  const rowOf = (row: LabRow, isOver: boolean): HTMLTableRowElement => {
    const [standing, tone] = standingOf(row);
    const name = row.holder === "copy" ? `${row.generation}, with the thief` : String(row.generation);
    const button = element("button", { type: "button", "aria-label": `Replay generation ${name}` }, "Replay");
    disable(button, isOver);
    onPress(button, () => replay(row.text));
    return element(
      "tr",
      {},
      element("td", {}, name),
      element("td", {}, element("code", {}, shortened(row.text))),
      element("td", {}, element("span", { class: "mark", "data-tone": tone }, standing)),
      element("td", {}, predictionOf(row)),
      element("td", {}, button),
    );
  };
  return {
    show(rows, isOver) {
      const key = JSON.stringify(rows.map((row) => [row.generation, row.holder, row.standing, shortened(row.text)]));
      if (key === shown) {
        for (const [index, row] of rows.entries()) {
          const cell = body.rows[index]?.cells[3];
          if (cell !== undefined) setText(cell, predictionOf(row));
        }
        return;
      }
      shown = key;
      body.replaceChildren(...rows.map((row) => rowOf(row, isOver)));
    },
    onReplay(task) {
      replay = task;
    },
  };
}
