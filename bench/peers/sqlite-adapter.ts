// A durable adapter for node-oidc-provider over SQLite, so that a restart keeps its sessions as Pawl's does. Implements
// the documented adapter interface (upsert, find, consume, destroy, revokeByGrantId) and adds no rule of its own: like
// the memory adapter of the package, `consume` marks a token whether or not somebody was faster.

import { DatabaseSync } from "node:sqlite";

type Payload = Record<string, unknown>;

/** Opens `file` and returns the adapter factory that the provider takes. */
export function createSqliteAdapter(file: string): (model: string) => object {
  const database = new DatabaseSync(file);
  database.exec("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA busy_timeout = 5000");
  database.exec(
    `CREATE TABLE IF NOT EXISTS models (model TEXT, id TEXT, payload TEXT, grant_id TEXT, uid TEXT, user_code TEXT,
       expires_at INTEGER, PRIMARY KEY (model, id)) WITHOUT ROWID;
     CREATE INDEX IF NOT EXISTS models_by_grant ON models (grant_id) WHERE grant_id IS NOT NULL`,
  );
  const upsert = database.prepare("INSERT OR REPLACE INTO models VALUES (?, ?, ?, ?, ?, ?, ?)");
  const consume = database.prepare(
    "UPDATE models SET payload = json_set(payload, '$.consumed', ?) WHERE model = ? AND id = ?",
  );
  const destroy = database.prepare("DELETE FROM models WHERE model = ? AND id = ?");
  const revoke = database.prepare("DELETE FROM models WHERE model = ? AND grant_id = ?");
  const find = (column: "id" | "uid" | "user_code") => {
    const statement = database.prepare(`SELECT payload, expires_at FROM models WHERE model = ? AND ${column} = ?`);
    return (model: string, value: string): Payload | undefined => {
      const row = statement.get(model, value) as { payload: string; expires_at: number | null } | undefined;
      if (row === undefined || (row.expires_at !== null && row.expires_at <= Date.now())) return undefined;
      return JSON.parse(row.payload) as Payload;
    };
  };
  const [byId, byUid, byUserCode] = [find("id"), find("uid"), find("user_code")];
  const text = (value: unknown): string | null => (typeof value === "string" ? value : null);
  return (model) => ({
    upsert: async (id: string, payload: Payload, expiresIn?: number) => {
      const expiresAt = expiresIn === undefined ? null : Date.now() + expiresIn * 1000;
      const { grantId, uid, userCode } = payload;
      upsert.run(model, id, JSON.stringify(payload), text(grantId), text(uid), text(userCode), expiresAt);
    },
    find: async (id: string) => byId(model, id),
    findByUid: async (uid: string) => byUid(model, uid),
    findByUserCode: async (code: string) => byUserCode(model, code),
    consume: async (id: string) => void consume.run(Math.floor(Date.now() / 1000), model, id),
    destroy: async (id: string) => void destroy.run(model, id),
    revokeByGrantId: async (grantId: string) => void revoke.run(model, grantId),
  });
}
