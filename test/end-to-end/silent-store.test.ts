// A server whose database has fallen silent (packets are dropped, nothing is closed) and that is told to end: it ends all the
// same, within the time that whoever watches it allows.

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { startLink } from "../../sim/chaos/link.ts";
import { mysqlServer, ownMysqlMissing } from "../services/mysql.ts";
import { ownServerMissing, postgresServer } from "../services/postgres.ts";
import { startProgram, temporaryFolder } from "./program.ts";

const secret = "c2VjcmV0LW9mLXRoaXMtdGVzdC1zZWNyZXQtb2YtdGhpcw";
/** What systemd and container runtimes allow at the least, and less than the 15 s of the parent of workers. */
const endMillisecondsMax = 10_000;

const postgres = postgresServer(18);
const mariadb = mysqlServer();
const databases = [
  { name: "Postgres", skip: ownServerMissing(18), url: postgres.url, words: [[], ["--workers", "2"]] },
  { name: "MariaDB", skip: ownMysqlMissing, url: mariadb.url, words: [[]] },
];

for (const { name, skip, url: urlOf, words: all } of databases) {
  describe(`SIGTERM while ${name} says nothing`, { skip, timeout: 60_000 }, () => {
    for (const words of all) {
      it(`ends the server${words.length === 0 ? "" : " and its workers"}`, async (t) => {
        const url = new URL(await urlOf());
        const link = await startLink(Number(url.port));
        t.after(() => link.close());
        url.port = String(link.port);
        const folder = temporaryFolder();
        t.after(() => folder.remove());
        const environment = { PAWL_STORE: String(url), PAWL_SECRET: secret };
        const program = await startProgram(folder.path, { arguments: words, environment });
        t.after(() => program.kill());
        link.silence();
        await sleep(300);
        const start = performance.now();
        assert.equal(await program.stop(), 0, program.output());
        const took = performance.now() - start;
        t.diagnostic(`${Math.round(took)} ms`);
        assert.ok(took < endMillisecondsMax, `${took} ms`);
        assert.match(program.output(), /stopped/);
        assert.doesNotMatch(program.output(), /did not end in time/);
      });
    }
  });
}
