// What a hostile page can do to make a browser send a request that its person did not mean: every kind of request a page
// can send without the app's help. Owns the kinds, the code that runs in the hostile page, and the pages that hold it.

/** One forged request, as the hostile page is told. */
export interface Forgery {
  readonly kind: string;
  readonly url: string;
  readonly fields: Readonly<Record<string, string>>;
}

/** Kinds that a script sends and hears the end of. */
export const scripted: readonly string[] = [
  "fetch, text/plain",
  "fetch, urlencoded",
  "fetch, multipart",
  "fetch, JSON",
  "fetch, JSON and X-Pawl",
  "fetch, keepalive",
  "fetch, no referrer",
  "fetch no-cors, text/plain",
  "fetch no-cors, X-Pawl",
  "XHR, text/plain",
  "XHR, JSON and X-Pawl",
];
/** Kinds that a document sends; nothing tells the page how they went. */
export const documented: readonly string[] = [
  "beacon, text/plain",
  "beacon, JSON",
  "form in a frame, urlencoded",
  "form in a frame, multipart",
  "form in a frame, text/plain",
  "form in a frame, no referrer",
  "image",
  "script",
  "stylesheet",
];
/** Kinds that leave the page. */
export const leaving: readonly string[] = ["form, text/plain", "form, no referrer", "link"];
/** Only a script can say DELETE. */
export const deletion = "fetch, DELETE";

/** Sends one. Runs in the hostile page, as its source: it may use nothing from around it. */
async function send({ kind, url, fields }: Forgery): Promise<string> {
  const json = JSON.stringify(fields);
  const [way = "", what = ""] = kind.split(/, (.*)/);
  const bodyOf = (): BodyInit => {
    if (what === "urlencoded") return new URLSearchParams(fields);
    if (what !== "multipart") return json;
    const form = new FormData();
    for (const [name, value] of Object.entries(fields)) form.append(name, value);
    return form;
  };
  const headers: Record<string, string> = {};
  if (what.includes("JSON")) headers["content-type"] = "application/json";
  if (what.includes("X-Pawl")) headers["x-pawl"] = "1";
  const submit = (target: string): void => {
    const form = document.createElement("form");
    Object.assign(form, { method: "POST", action: url, target });
    if (what === "multipart") form.enctype = "multipart/form-data";
    if (what === "text/plain") form.enctype = "text/plain";
    if (what === "no referrer") form.setAttribute("rel", "noreferrer");
    // As text/plain, the one field makes the body a JSON object: {"email":"…","rest":"="}.
    const entries = what === "text/plain" ? [[`${json.slice(0, -1)}${json === "{}" ? "" : ","}"rest":"`, '"}']] : null;
    for (const [name, value] of entries ?? Object.entries(fields)) {
      const input = document.createElement("input");
      Object.assign(input, { type: "hidden", name, value });
      form.append(input);
    }
    document.body.append(form);
    form.submit();
  };
  if (way.startsWith("fetch")) {
    const method = what === "DELETE" ? "DELETE" : "POST";
    const init: RequestInit = { method, headers, credentials: "include", keepalive: what === "keepalive" };
    if (way.endsWith("no-cors")) init.mode = "no-cors";
    if (what === "no referrer") init.referrerPolicy = "no-referrer";
    if (method === "POST") init.body = bodyOf();
    const response = await fetch(url, init);
    return response.type === "opaque" ? "opaque" : `read ${response.status}`;
  }
  if (way === "XHR") {
    const request = new XMLHttpRequest();
    request.open("POST", url);
    request.withCredentials = true;
    for (const [name, value] of Object.entries(headers)) request.setRequestHeader(name, value);
    return await new Promise((resolve) => {
      request.onloadend = () => resolve(request.status === 0 ? "error" : `read ${request.status}`);
      request.send(json);
    });
  }
  if (way === "beacon") {
    navigator.sendBeacon(url, what === "JSON" ? new Blob([json], { type: "application/json" }) : json);
  } else if (way === "form in a frame") {
    const frame = document.createElement("iframe");
    frame.name = `frame${Math.random()}`;
    document.body.append(frame);
    submit(frame.name);
  } else if (way === "form") setTimeout(submit, 0, "_self");
  else if (way === "link") {
    const link = document.createElement("a");
    link.href = url;
    document.body.append(link);
    setTimeout(() => link.click(), 0);
  } else {
    const tag = ({ image: "img", script: "script", stylesheet: "link" } as const)[way as "image"];
    const element = document.createElement(tag);
    Object.assign(element, tag === ("link" as string) ? { rel: "stylesheet", href: url } : { src: url });
    document.body.append(element);
  }
  return "sent";
}

/** The hostile page: sends what its test, or the page that holds it in a frame, tells it. */
export const hostilePage: string = `<!doctype html><meta charset="utf-8"><title>Hostile</title><link rel="icon" href="data:,">
<body><script>
  const send = ${send};
  globalThis.sendAll = (forgeries) => Promise.all(forgeries.map((each) => send(each).catch(() => "error")));
  addEventListener("message", async ({ data, source }) => source.postMessage(await sendAll(data), "*"));
</script>`;

/** A page that holds a hostile one in a frame and speaks to it. */
export function holderPage(frame: string): string {
  return `<!doctype html><meta charset="utf-8"><title>Holder</title><link rel="icon" href="data:,"><body>${frame}<script>
  globalThis.sendAll = (forgeries) => new Promise((resolve) => {
    addEventListener("message", ({ data }) => resolve(data), { once: true });
    frames[0].postMessage(forgeries, "*");
  });
</script>`;
}
