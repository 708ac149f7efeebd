// Sends a suite request over a real connection with node:http, which sends every header it is given (fetch would hold
// some back), and hands the answer back as a WHATWG Response.

import type { IncomingMessage } from "node:http";
import { request as httpRequest } from "node:http";
import { Readable } from "node:stream";
import type { SuiteRequest } from "./http-suite-target.ts";

const answerBytesMax = 16_777_216;

/** Sends `request` to `origin` (`http://localhost:4000`) on a connection of its own. */
export async function sendOverHttp(origin: string, request: SuiteRequest): Promise<Response> {
  const answer = await new Promise<IncomingMessage>((resolve, reject) => {
    const { method, path, body, headers = {} } = request;
    const length = body === undefined ? {} : { "content-length": Buffer.byteLength(body) };
    const call = httpRequest(`${origin}${path}`, { method, headers: { ...length, ...headers }, agent: false }, resolve);
    call.on("error", reject);
    call.end(body);
  });
  const headers = new Headers();
  for (let index = 0; index + 1 < answer.rawHeaders.length; index += 2) {
    headers.append(answer.rawHeaders[index] as string, answer.rawHeaders[index + 1] as string);
  }
  const status = answer.statusCode as number;
  if (headers.get("content-type") === "text/event-stream" && request.method !== "HEAD") {
    return new Response(Readable.toWeb(answer) as ReadableStream<Uint8Array>, { status, headers });
  }
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of answer as AsyncIterable<Uint8Array>) {
    bytes += chunk.length;
    if (bytes > answerBytesMax) throw new Error("the answer is too long");
    chunks.push(chunk);
  }
  const hasBody = bytes > 0 && status !== 204 && status !== 304;
  return new Response(hasBody ? Buffer.concat(chunks) : null, { status, headers });
}
