// The HTTP suite: what every adapter must show to the outside (CONTRACT section 2), whatever server it runs on. Public:
// whoever writes an adapter runs it against theirs. Owns the order; the tests are in the files named http-suite-*.

import { describe } from "node:test";
import { bearerTests } from "./http-suite-bearer.ts";
import { checkTests } from "./http-suite-checks.ts";
import { cookieTests } from "./http-suite-cookies.ts";
import { endpointTests } from "./http-suite-endpoints.ts";
import { oauthTests } from "./http-suite-oauth.ts";
import { originTests } from "./http-suite-origins.ts";
import { passwordTests } from "./http-suite-passwords.ts";
import { publicTests } from "./http-suite-public.ts";
import { rotationTests } from "./http-suite-rotation.ts";
import { streamTests } from "./http-suite-stream.ts";
import type { SuiteSubject } from "./http-suite-target.ts";

export { sendOverHttp } from "./http-suite-send.ts";
export type { SuiteOptions, SuiteRequest, SuiteSubject, SuiteTarget } from "./http-suite-target.ts";

/**
 * Declares the suite with node:test.
 * @example
 * httpSuite("my adapter", {
 *   async start(options) {
 *     const sessions = await createSessions({ store: memoryStore(), ...options.sessions });
 *     const server = await serveMine(createHandler({ sessions, ...options.handler }));
 *     return { sessions, send: (request) => sendOverHttp(server.origin, request), close: () => server.stop() };
 *   },
 * });
 */
export function httpSuite(name: string, subject: SuiteSubject): void {
  describe(`${name}: HTTP suite`, () => {
    endpointTests(subject);
    passwordTests(subject);
    rotationTests(subject);
    checkTests(subject);
    originTests(subject);
    cookieTests(subject);
    bearerTests(subject);
    publicTests(subject);
    oauthTests(subject);
    streamTests(subject);
  });
}
