// The start page: decides what is shown (looking, signed out, signed in) from the client's snapshot, and wires the
// panels. Owns no token: the client keeps the access token, the lab its own session.

import { createClient, type SessionSnapshot } from "../client/index.ts";
import { prepareDevices } from "./devices.ts";
import { byId, focusOn, setText } from "./dom.ts";
import { prepareForm } from "./forms.ts";
import { prepareLab } from "./lab-panel.ts";
import { prepareSessionPanel, showMoment, watchedFetch } from "./session-panel.ts";
import { prepareTabs } from "./tabs.ts";
import { prepareWelcomeDial } from "./welcome-dial.ts";
import { complaintOf, farewellOf } from "./words.ts";

const tickMilliseconds = 1000;

const client = createClient({ fetch: watchedFetch(showMoment), onSignedOut: () => lab.end() });
const notice = byId("notice", HTMLElement);
const lab = prepareLab(() => void devices.load());
const devices = prepareDevices(client, lab.id, lab.ended);
const panel = prepareSessionPanel(client, (text) => say(text, "warn"));
const tabs = prepareTabs(["tab-in", "tab-up"]);
let shownFor: string | undefined;

function say(text: string, tone: "plain" | "warn" = "plain"): void {
  notice.classList.toggle("warn", tone === "warn");
  setText(notice, text);
}

function show(snapshot: SessionSnapshot): void {
  byId("waiting", HTMLElement).hidden = snapshot.status !== "unknown";
  byId("welcome", HTMLElement).hidden = snapshot.status !== "signed-out";
  byId("home", HTMLElement).hidden = snapshot.status !== "signed-in";
  byId("sign-out", HTMLElement).hidden = snapshot.status !== "signed-in";
  const who = byId("who", HTMLElement);
  who.hidden = snapshot.status !== "signed-in";
  setText(who, snapshot.user?.name ?? snapshot.user?.email ?? "");
  byId("password-email", HTMLInputElement).value = snapshot.user?.email ?? "";

  const session = snapshot.session?.id;
  if (session === shownFor) return;
  shownFor = session;
  if (snapshot.status === "signed-in") void devices.load();
  if (snapshot.status === "signed-out") {
    const isOwnWish = snapshot.reason === "signed_out";
    say(farewellOf(snapshot.reason) ?? "", isOwnWish ? "plain" : "warn");
  }
}

/** After a sign-in with `password`: the page shows itself, and the lab signs in once more with the same password. */
async function arrive(email: string, password: string): Promise<void> {
  for (const form of forms) form.clear();
  say("");
  focusOn(byId("home-title", HTMLElement));
  await lab.start(email, password);
}

const forms = [
  prepareForm("form-in", async ({ email = "", password = "" }) => {
    await client.signIn({ email, password });
    await arrive(email, password);
  }),
  prepareForm("form-up", async ({ email = "", password = "", name = "" }) => {
    await client.signUp(name === "" ? { email, password } : { email, password, name });
    await arrive(email, password);
  }),
  prepareForm("form-password", async ({ email = "", current = "", password = "" }) => {
    await client.changePassword({ currentPassword: current, newPassword: password }).catch((error: unknown) => {
      throw atCurrentPassword(error);
    });
    await arrive(email, password);
    say("The password is changed. Every earlier session of yours has ended, the one of the lab included.");
  }),
];

/** In the form for a new password, wrong credentials mean the current one. */
function atCurrentPassword(error: unknown): unknown {
  return (error as { code?: string }).code === "invalid_credentials" ? { code: "wrong_current_password" } : error;
}

byId("sign-out", HTMLButtonElement).addEventListener("click", () => {
  lab.end();
  void client.signOut().then((isTold) => {
    if (!isTold) say("You are signed out here. The server could not be told yet; this browser will tell it.", "warn");
    tabs.select("tab-in");
    byId("in-email", HTMLInputElement).focus();
  });
});

/** Finds out whether the cookie of this browser still holds a session. */
async function look(): Promise<void> {
  const again = byId("waiting-retry", HTMLButtonElement);
  const text = byId("waiting-text", HTMLElement);
  again.hidden = true;
  setText(text, "Looking for your session…");
  try {
    await client.refresh();
    const { status, user } = client.session.getSnapshot();
    if (status === "signed-in") {
      lab.offer(user?.email ?? "", "Your password is not kept, so after a reload the lab asks for it once more.");
    }
  } catch (error) {
    setText(text, `${complaintOf(error).text} If you were signed in, you still are.`);
    again.hidden = false;
  }
}

const dial = prepareWelcomeDial();

client.session.subscribe(() => show(client.session.getSnapshot()));
byId("waiting-retry", HTMLButtonElement).addEventListener("click", () => void look());
addEventListener("pagehide", () => {
  const { status, user } = client.session.getSnapshot();
  lab.end(true);
  // A page that comes back from the back-forward cache finds the lab closed.
  if (status === "signed-in") lab.offer(user?.email ?? "", "The lab ended when you left the page.");
});

setInterval(() => {
  panel.tick();
  lab.tick();
  dial.tick();
}, tickMilliseconds);
void look();
