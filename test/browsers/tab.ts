// What every engine gives a test: a browser on a profile, and tabs that load pages and run scripts in them. Owns the
// shapes and the one way in which a script crosses into a page and its value comes back; knows no engine.

/** An engine by name. */
export type EngineName = "chromium" | "firefox" | "webkit";

/** How a browser is started. */
export interface LaunchOptions {
  /** A folder that outlives the browser: a second launch on it finds what the first one stored. Absent: a fresh one. */
  readonly profile?: string;
  /** A private (incognito) window: nothing of a profile, nothing left behind. */
  readonly isPrivate?: boolean;
}

/** A running browser. */
export interface Browser {
  readonly engine: EngineName;
  /** As the engine says it. */
  readonly version: string;
  /** Opens a tab; without `url` it stays empty. */
  newTab(url?: string): Promise<Tab>;
  /** Ends the browser as a person does, so that the profile is written. */
  close(): Promise<void>;
}

/** What runs in a page: an expression, or a function whose arguments and result are JSON. */
// biome-ignore lint/suspicious/noExplicitAny: a page's function names its own parameters
export type Script<Value> = string | ((...parameters: any[]) => Value | Promise<Value>);

/** One tab. */
export interface Tab {
  /** Resolves when the page has loaded. */
  goto(url: string): Promise<void>;
  reload(): Promise<void>;
  /**
   * Runs a script in the page, waits for its promise, resolves its JSON value; what it throws rejects. A function
   * crosses as its source: it sees the page and its arguments, nothing of the test around it.
   */
  evaluate<Value = unknown>(script: Script<Value>, ...parameters: readonly unknown[]): Promise<Value>;
  url(): Promise<string>;
  /** Writes a PNG of what is visible. */
  screenshot(path: string): Promise<void>;
  close(): Promise<void>;
}

/** The longest a script or a page may take. */
export const tabMillisecondsMax = 15_000;

/** The expression that runs `script`; its promise resolves a string for {@link readAnswer} and never rejects. */
export function expressionOf(script: Script<unknown>, parameters: readonly unknown[]): string {
  const call =
    typeof script === "string" ? script : `(${script})(${parameters.map((each) => JSON.stringify(each)).join(", ")})`;
  return `(async () => {
    try { return JSON.stringify({ value: await (${call}) }); }
    catch (error) { return JSON.stringify({ error: String(error) }); }
  })()`;
}

/** The value that a page answered. */
export function readAnswer<Value>(answer: unknown): Value {
  const { value, error } = JSON.parse(String(answer)) as { value: Value; error?: string };
  if (error !== undefined) throw new Error(`in the page: ${error}`);
  return value;
}
