// The page behind a one-time link: takes the token from the fragment (which no server sees), removes it from the address
// bar and the history at once, and posts it with the new password. Keeps it in this module only.

import { ClientError } from "../client/index.ts";
import { byId, focusOn, setText } from "./dom.ts";
import { prepareForm } from "./forms.ts";

const requestMillisecondsMax = 15_000;
const used = "This link does not work: it was used before or has expired. Ask the operator for a new one.";

const token = location.hash.slice(1);
history.replaceState(null, "", location.pathname);
const notice = byId("notice", HTMLElement);
const form = byId("form-reset", HTMLFormElement);

function refuse(text: string): void {
  notice.classList.add("warn");
  setText(notice, text);
  form.hidden = true;
}

/** Posts the new password. @throws ClientError what the form shows */
async function reset(password: string): Promise<void> {
  let response: Response;
  try {
    response = await fetch("/auth/reset", {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ token, new_password: password }),
      signal: AbortSignal.timeout(requestMillisecondsMax),
      cache: "no-store",
      redirect: "error",
    });
  } catch {
    throw new ClientError("network_error", "The server could not be reached.");
  }
  if (response.ok) return;
  const body = (await response.json().catch(() => ({}))) as { code?: string; reasons?: readonly string[] };
  const retryAfterSeconds = Number.parseInt(response.headers.get("Retry-After") ?? "", 10);
  throw new ClientError(body.code ?? "unexpected_answer", "The server refused the password.", {
    status: response.status,
    reasons: body.reasons ?? [],
    retryAfterSeconds: Number.isNaN(retryAfterSeconds) ? undefined : retryAfterSeconds,
  });
}

const prepared = prepareForm("form-reset", async ({ password = "" }) => {
  try {
    await reset(password);
  } catch (error) {
    const { code, status } = error as ClientError;
    if (code !== "weak_password" && [400, 401, 404, 410].includes(status)) return refuse(used);
    throw error;
  }
  prepared.clear();
  form.hidden = true;
  byId("after", HTMLElement).hidden = false;
  setText(notice, "The password is set and every session of this account has ended. Sign in with the new password.");
  focusOn(byId("reset-title", HTMLElement));
});

if (token === "")
  refuse("This page needs the whole link, including the part after #. Open it again from where you got it.");
