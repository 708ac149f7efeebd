// The frame around a modelled rule set: sessions, lifetimes, tokens, and the failures of its store, the same for all of
// them. A model itself is one pure function over one small state. Owns what products have in common and no rule.
// Attempt keys are ignored: none of the products followed here knows them.

import type { Answer, RuleServer, RuleSet } from "../rule-server.ts";
import { idleMilliseconds, sessionMilliseconds } from "../rule-server.ts";

/** What a rule set says to a presented token. */
export interface Verdict<State> {
  readonly state: State;
  /** The number of the token to hand out, `alarm` (a used token was noticed, the session is over) or `refused`. */
  readonly gives: number | "alarm" | "refused";
}

/** A rule set as a function. A token is a number; `fresh` is one that was never used. */
export interface Model<State> {
  /** The state of a session whose first token is `token`. */
  begin(token: number, now: number): State;
  refresh(state: State, token: number, now: number, fresh: number): Verdict<State>;
  /** True when tokens are counters under a MAC, so that one whose row was lost is still recognised by the rule itself. */
  readonly countsTokens?: boolean;
}

interface Session<State> {
  readonly state: State;
  readonly endsAt: number;
  readonly isOver: boolean;
}

/** A rule set out of a model. */
export function modelled<State>(name: string, title: string, follows: string, model: Model<State>): RuleSet {
  return { name, title, follows, open: async () => openModel(model) };
}

interface Replaced<State> {
  readonly id: number;
  readonly session: Session<State>;
  readonly token: string;
  readonly at: number;
}

interface Deployment<State> {
  readonly model: Model<State>;
  readonly sessions: Map<number, Session<State>>;
  /** When each token dies unused: true time, but for the server's clock. */
  readonly expiries: Map<string, number>;
  lastToken: number;
  /** The instant of the last request. */
  servedAt: number;
  offset: number;
  failing: "before" | "after" | undefined;
  /** What the last acknowledged write replaced, and the token it handed out. */
  replaced: Replaced<State> | undefined;
}

function openModel<State>(model: Model<State>): RuleServer {
  const deployment: Deployment<State> = {
    model,
    sessions: new Map(),
    expiries: new Map(),
    lastToken: 0,
    servedAt: 0,
    offset: 0,
    failing: undefined,
    replaced: undefined,
  };
  return {
    signIn: async (at) => {
      const now = at + deployment.offset;
      const id = deployment.sessions.size + 1;
      const token = model.countsTokens === true ? 0 : freshToken(deployment);
      const endsAt = now + sessionMilliseconds;
      deployment.sessions.set(id, { state: model.begin(token, now), endsAt, isOver: false });
      return { ...issue(deployment, id, token, now, endsAt), endsAt: endsAt - deployment.offset };
    },
    refresh: async (at, token) => refresh(deployment, token, at + deployment.offset),
    confirm: undefined,
    logout: async (_at, token) => {
      const id = Number(token.split(".")[0]);
      const session = deployment.sessions.get(id);
      if (session !== undefined) deployment.sessions.set(id, { ...session, isOver: true });
    },
    stepClock: (milliseconds) => {
      deployment.offset += milliseconds;
    },
    failCommits: (how) => {
      deployment.failing = how;
    },
    restart: async () => {},
    loseLastWrite: async () => loseLastWrite(deployment),
  };
}

function freshToken<State>(deployment: Deployment<State>): number {
  deployment.lastToken += 1;
  return deployment.lastToken;
}

function issue<State>(
  deployment: Deployment<State>,
  id: number,
  token: number,
  now: number,
  endsAt: number,
): { readonly token: string; readonly expiresAt: number } {
  const text = `${id}.${token}`;
  const expiresAt = Math.min(now + idleMilliseconds, endsAt);
  deployment.expiries.set(text, expiresAt);
  return { token: text, expiresAt: expiresAt - deployment.offset };
}

function refused(code: string, isAlarm = false): Answer {
  return { status: 401, code, isAlarm };
}

function refresh<State>(deployment: Deployment<State>, text: string, now: number): Answer {
  const { model, sessions, expiries } = deployment;
  deployment.servedAt = now;
  const [id = 0, token = 0] = text.split(".").map(Number);
  const session = sessions.get(id);
  const expiresAt = expiries.get(text);
  if (session === undefined || session.isOver) return refused("session_revoked");
  if (expiresAt === undefined && model.countsTokens !== true) return refused("unknown_token");
  if (now >= session.endsAt || now >= (expiresAt ?? Number.POSITIVE_INFINITY)) return refused("expired");
  const { state, gives } = model.refresh(session.state, token, now, freshToken(deployment));
  if (gives === "refused") return refused("refused");
  if (deployment.failing === "before") return { status: 503 };
  sessions.set(id, { ...session, state, isOver: gives === "alarm" });
  if (gives === "alarm") return refused("reuse", true);
  const issued = issue(deployment, id, gives, now, session.endsAt);
  if (deployment.failing === "after") return { status: 503 };
  const isWrite = state !== session.state;
  if (isWrite) deployment.replaced = { id, session, token: issued.token, at: now };
  return { status: 200, ...issued };
}

/** The state before the last write returns; a token that was only in that write is unknown from now on. */
function loseLastWrite<State>(deployment: Deployment<State>): boolean {
  const { replaced, sessions, expiries, model, servedAt } = deployment;
  if (replaced?.at !== servedAt) return false;
  deployment.replaced = undefined;
  sessions.set(replaced.id, replaced.session);
  if (model.countsTokens !== true) expiries.delete(replaced.token);
  return true;
}
