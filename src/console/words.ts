// The words of the pages: what an error means and what to do about it, how a device, an instant and a span read.
// Owns no state and no markup.

/** A message and the form field it belongs to. */
export interface Complaint {
  readonly field: "email" | "password" | "current" | "form";
  readonly text: string;
}

const passwordReasons: Readonly<Record<string, string>> = {
  too_short: "Too short: use at least 15 characters.",
  too_long: "Use a shorter password: at most 1,024 bytes are accepted.",
  common: "This password is on the list of common ones. Choose one that nobody else uses.",
  contains_context: "Leave your e-mail address and the name of this service out of the password.",
};

const plain: Readonly<Record<string, Complaint>> = {
  invalid_credentials: { field: "password", text: "E-mail address or password is wrong. Check both and try again." },
  wrong_current_password: { field: "current", text: "This is not your current password." },
  account_exists: { field: "email", text: "An account with this address exists. Sign in instead." },
  registration_closed: {
    field: "form",
    text: "This server does not let visitors create accounts. Ask its operator (pawl users add).",
  },
  network_error: { field: "form", text: "The server cannot be reached. Check the connection and try again." },
  timeout: { field: "form", text: "The server did not answer in time. Try again." },
  store_unavailable: { field: "form", text: "The service cannot answer right now. Try again in a moment." },
  signed_out: { field: "form", text: "You are signed out. Sign in again." },
  invalid_request: { field: "form", text: "The server did not accept these values. Check them and try again." },
};

/** What to tell the visitor about an error with a `code`. */
export function complaintOf(error: unknown): Complaint {
  const { code, reasons, retryAfterSeconds } = error as {
    code?: string;
    reasons?: readonly string[];
    retryAfterSeconds?: number;
  };
  if (code === "weak_password") {
    const texts = (reasons ?? []).map((reason) => passwordReasons[reason]).filter((text) => text !== undefined);
    return { field: "password", text: texts.join(" ") || "Choose a longer, less common password." };
  }
  if (code === "rate_limited") {
    const wait = retryAfterSeconds === undefined ? "a moment" : spanOf(retryAfterSeconds * 1000);
    return { field: "form", text: `Too many attempts. Wait ${wait}, then try again.` };
  }
  return (
    plain[code ?? ""] ?? { field: "form", text: "Something went wrong on our side. Your session is kept; try again." }
  );
}

/** Why nobody is signed in any more; `undefined` where there is nothing to explain. */
export function farewellOf(reason: string | null): string | undefined {
  switch (reason) {
    case "signed_out":
      return "You are signed out on this device.";
    case "refresh_token_expired":
      return "You were away for long enough that this session ended. Sign in again.";
    case "session_expired":
      return "This session has reached its end. Sign in again.";
    case "session_revoked":
      return "This session was ended, from another device or by the operator. Sign in again.";
    case "refresh_token_reused":
      return "Somebody presented a used refresh token of this session, so it was ended. Sign in again.";
    default:
      return undefined;
  }
}

const browsers: readonly (readonly [RegExp, string])[] = [
  [/\bEdg\//, "Edge"],
  [/\bOPR\//, "Opera"],
  [/\bFirefox\//, "Firefox"],
  [/Chrom(?:e|ium)\//, "Chrome"],
  [/\bVersion\/.*\bSafari\//, "Safari"],
];
const systems: readonly (readonly [RegExp, string])[] = [
  [/\bAndroid\b/, "Android"],
  [/\b(?:iPhone|iPad)\b/, "iOS"],
  [/\bWindows\b/, "Windows"],
  [/\bMac OS X\b/, "macOS"],
  [/\bLinux\b/, "Linux"],
];

/** A name for the device behind a `User-Agent`. */
export function deviceOf(userAgent: string | null): string {
  if (userAgent === null || userAgent === "") return "Unknown device";
  const browser = browsers.find(([pattern]) => pattern.test(userAgent))?.[1];
  const system = systems.find(([pattern]) => pattern.test(userAgent))?.[1];
  if (browser === undefined) return userAgent.split(/[\s/]/, 1)[0]?.slice(0, 32) ?? "Unknown device";
  return system === undefined ? browser : `${browser} on ${system}`;
}

const dayAndTime = new Intl.DateTimeFormat("en-GB", {
  day: "numeric",
  month: "short",
  hour: "2-digit",
  minute: "2-digit",
});
const time = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit", second: "2-digit" });

/** An instant in seconds since the epoch, as day and time. */
export function dayOf(seconds: number): string {
  return dayAndTime.format(new Date(seconds * 1000));
}

/** A time of day with seconds. */
export function timeOf(instant: Date): string {
  return time.format(instant);
}

/** A span such as "8 s" or "14 min 02 s"; never less than nothing. */
export function spanOf(milliseconds: number): string {
  const seconds = Math.max(0, Math.ceil(milliseconds / 1000));
  if (seconds < 60) return `${seconds} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes} min ${String(seconds % 60).padStart(2, "0")} s`;
  return `${Math.floor(minutes / 60)} h ${String(minutes % 60).padStart(2, "0")} min`;
}

/** A token without its middle: enough to see whether two are the same, useless to a looker-on. */
export function shortened(token: string): string {
  return `${token.slice(0, 8)}…${token.slice(-4)}`;
}
