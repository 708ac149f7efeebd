// A program that signs a person in and keeps them signed in, run under each runtime by runtimes.test.ts. Plain JavaScript
// on what every runtime has; prints one line of JSON with what it saw. Arguments: origin, folder of the client, e-mail.

const [origin, folder, email] = process.argv.slice(2);
const { createClient } = await import(`${folder}/index.js`);
const { storedCredentials } = await import(`${folder}/stored.js`);

const entries = new Map();
const storage = {
  getItem: (name) => entries.get(name) ?? null,
  setItem: (name, value) => entries.set(name, value),
  removeItem: (name) => entries.delete(name),
};
const start = () => createClient({ baseUrl: origin, credentials: storedCredentials(storage) });
const whoIs = async (client) => (await (await client.fetch(`${origin}/auth/session`)).json()).user.email;

const client = start();
await client.signUp({ email, password: "four unlikely words together" });
const signedUp = await whoIs(client);
const token = await client.getAccessToken();
const refreshed = await client.refresh();
const isNew = token !== (await client.getAccessToken());

// A restart: nothing is left but the storage.
const later = start();
const beforeRestart = later.session.getSnapshot().status;
const restarted = await whoIs(later);
const devices = (await later.devices.list()).map(({ current }) => current);
const told = await later.signOut();
const afterwards = await later.refresh();
const { status, reason } = later.session.getSnapshot();
const kept = entries.size;
console.log(
  JSON.stringify({
    signedUp,
    refreshed,
    isNew,
    beforeRestart,
    restarted,
    devices,
    told,
    afterwards,
    status,
    reason,
    kept,
  }),
);
