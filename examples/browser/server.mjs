// One process with a page, an API that demands a session, and Pawl. What a real application replaces: the accounts by its
// users, the greeting by its API. See README.md for how to start it.

import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import { createSessions } from "pawl";
import { createAccounts } from "pawl/accounts";
import { createHandler } from "pawl/http";
import { nodeListener } from "pawl/node";
import { sqliteStore } from "pawl/stores/sqlite";

const port = Number(process.env.PORT ?? 3000);
const sessions = await createSessions({ store: sqliteStore("sessions.db"), issuer: `http://localhost:${port}` });
const { store, platform } = sessions;
const accounts = createAccounts({ store, platform, registration: "open" });
const answerByPawl = nodeListener(createHandler({ sessions, accounts, registration: "open" }));

/** The page, and the modules of `pawl/client`: there is no bundler here. */
function fileOf(pathname) {
  if (pathname === "/") return { url: new URL("index.html", import.meta.url), type: "text/html" };
  const [, name] = /^\/client\/([a-z]+\.js)$/.exec(pathname) ?? [];
  return name && { url: new URL(name, import.meta.resolve("pawl/client")), type: "text/javascript" };
}

async function answerGreeting(request, response) {
  const [, accessToken = ""] = /^Bearer (.+)$/.exec(request.headers.authorization ?? "") ?? [];
  try {
    const { record } = await sessions.authenticate(accessToken);
    const user = await accounts.find(record.subject);
    response.writeHead(200, { "Content-Type": "application/json", "Cache-Control": "no-store" });
    response.end(JSON.stringify({ greeting: `Hello, ${user?.email}` }));
  } catch (error) {
    const isRefused = error.code === "invalid_token";
    // RFC 6750 section 3.1: this is what makes the client refresh and ask again.
    response.writeHead(isRefused ? 401 : 503, isRefused ? { "WWW-Authenticate": 'Bearer error="invalid_token"' } : {});
    response.end();
  }
}

createServer(async (request, response) => {
  const { pathname } = new URL(request.url, sessions.issuer);
  const file = fileOf(pathname);
  if (pathname === "/api/greeting") return answerGreeting(request, response);
  if (file === undefined) return answerByPawl(request, response);
  const text = await readFile(file.url).catch(() => undefined);
  response.writeHead(text === undefined ? 404 : 200, { "Content-Type": file.type }).end(text);
}).listen(port, () => console.log(`open ${sessions.issuer}`));
