// How the verifier asks its issuer: https outside of this machine, no redirects, bounded in time and bytes. Owns these bounds;
// knows no key and no revocation.

import { PawlError } from "../core/errors.ts";

/** A fetch as every runtime has it. */
export type Fetch = (url: string, init: RequestInit) => Promise<Response>;

const loopbackNames: ReadonlySet<string> = new Set(["localhost", "127.0.0.1", "[::1]"]);

/**
 * Returns the URL below the issuer, or the one that was given instead.
 * @throws PawlError `invalid_option` for anything but https, or http to this machine
 */
export function checkedUrl(text: string, field: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  const isSafe = url?.protocol === "https:" || (url?.protocol === "http:" && loopbackNames.has(url.hostname));
  if (url === undefined || !isSafe || url.username !== "" || url.password !== "" || url.hash !== "") {
    throw new PawlError("invalid_option", `${field} must be an https URL (http only to this machine)`, { field });
  }
  return text;
}

/**
 * An answer of status 200.
 * @throws Error for any other: a redirect could lead anywhere
 */
export async function ask(
  fetcher: Fetch,
  url: string,
  headers: Readonly<Record<string, string>>,
  signal: AbortSignal,
): Promise<Response> {
  // "error" is not known to every runtime; what "manual" gives is no 200.
  const response = await fetcher(url, { headers, redirect: "manual", signal });
  if (response.status === 200) return response;
  await response.body?.cancel().catch(() => undefined);
  throw new Error(`the issuer answered ${response.status}`);
}

/** The whole body as text. @throws Error when it is longer than `bytesMax` */
export async function readText(response: Response, bytesMax: number): Promise<string> {
  const decoder = new TextDecoder("utf-8", { fatal: true });
  const reader = (response.body as ReadableStream<Uint8Array>).getReader();
  let text = "";
  let bytes = 0;
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return text + decoder.decode();
    bytes += value.length;
    if (bytes > bytesMax) {
      await reader.cancel().catch(() => undefined);
      throw new Error(`the answer of the issuer is longer than ${bytesMax} bytes`);
    }
    text += decoder.decode(value, { stream: true });
  }
}
