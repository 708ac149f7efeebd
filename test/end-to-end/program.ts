// One JSON call for the end-to-end tests, beside the way to start the built program, which sim/program.ts owns: it is
// the same for the torture. Starts nothing itself.

export type { Program } from "../../sim/program.ts";
export { programEnvironment, startProgram, temporaryFolder } from "../../sim/program.ts";

/** One JSON call; bodies are sent as application/json. */
export async function call(
  origin: string,
  path: string,
  body?: unknown,
  headers: Record<string, string> = {},
): Promise<{ readonly status: number; readonly json: Record<string, unknown>; readonly headers: Headers }> {
  const response = await fetch(new URL(path, origin), {
    method: body === undefined ? "GET" : "POST",
    headers: { ...(body === undefined ? {} : { "content-type": "application/json" }), ...headers },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    signal: AbortSignal.timeout(10_000),
  });
  const text = await response.text();
  return { status: response.status, json: text === "" ? {} : JSON.parse(text), headers: response.headers };
}
