// How every form behaves: a button to show the password, errors next to their field with what to do, focus on the
// first of them, one submission at a time. Pasting is never hindered. Knows no endpoint.

import { byId, element, setText } from "./dom.ts";
import { complaintOf } from "./words.ts";

/** Values of a form by the names of its inputs. */
export type Values = Readonly<Record<string, string>>;

/** A form that was prepared. */
export interface Form {
  /** Empties it and its errors. */
  clear(): void;
}

let errorCount = 0;

/** Prepares the form `id`: `submit` gets the values; its rejection becomes an error next to the right field. */
export function prepareForm(id: string, submit: (values: Values) => Promise<void>): Form {
  const form = byId(id, HTMLFormElement);
  const inputs = [...form.querySelectorAll("input")];
  const errors = new Map(inputs.map((input) => [input.name, prepareInput(input)]));
  const overall = element("p", { class: "field-error", role: "alert" });
  form.append(overall);
  const button = form.querySelector<HTMLButtonElement>("button[type=submit]");

  const clearErrors = (): void => {
    setText(overall, "");
    for (const [name, error] of errors)
      complain(
        inputs.find((input) => input.name === name),
        error,
        "",
      );
  };
  const show = (field: string, text: string): void => {
    const input = inputs.find((each) => each.name === field && !each.readOnly);
    const error = errors.get(field);
    if (input === undefined || error === undefined) {
      setText(overall, text);
      button?.focus();
    } else {
      complain(input, error, text);
      input.focus();
    }
  };

  form.addEventListener("submit", (event) => {
    event.preventDefault();
    if (form.getAttribute("aria-busy") === "true") return;
    clearErrors();
    const wrong = inputs.find((input) => !input.validity.valid);
    if (wrong !== undefined) return show(wrong.name, demandOf(wrong));
    form.setAttribute("aria-busy", "true");
    button?.setAttribute("aria-disabled", "true");
    const values = Object.fromEntries(inputs.map((input) => [input.name, input.value]));
    submit(values)
      .catch((error: unknown) => {
        const { field, text } = complaintOf(error);
        show(field, text);
      })
      .finally(() => {
        form.removeAttribute("aria-busy");
        button?.removeAttribute("aria-disabled");
      });
  });
  return {
    clear() {
      form.reset();
      clearErrors();
    },
  };
}

/** What an empty or malformed input needs. */
function demandOf(input: HTMLInputElement): string {
  if (input.validity.typeMismatch) return "Enter an address such as ada@example.com.";
  if (input.type === "email") return "Enter your e-mail address.";
  return input.autocomplete === "new-password" ? "Choose a password." : "Enter your password.";
}

function complain(input: HTMLInputElement | undefined, error: HTMLElement, text: string): void {
  setText(error, text);
  if (text === "") input?.removeAttribute("aria-invalid");
  else input?.setAttribute("aria-invalid", "true");
}

/** Adds the place for its error, and for a password the button that shows it. */
function prepareInput(input: HTMLInputElement): HTMLElement {
  errorCount += 1;
  const error = element("p", { class: "field-error", id: `field-error-${errorCount}` });
  const described = [input.getAttribute("aria-describedby"), error.id].filter((id) => id !== null);
  input.setAttribute("aria-describedby", described.join(" "));
  (input.closest(".field") ?? input.parentElement)?.append(error);
  if (input.type === "password") addReveal(input);
  return error;
}

function addReveal(input: HTMLInputElement): void {
  const label = input.labels?.[0]?.textContent?.trim().toLowerCase() ?? "password";
  const button = element("button", { type: "button", "aria-pressed": "false", "aria-label": `Show ${label}` }, "Show");
  const entry = element("div", { class: "entry" });
  input.replaceWith(entry);
  entry.append(input, button);
  button.addEventListener("click", () => {
    const isShown = input.type === "text";
    input.type = isShown ? "password" : "text";
    button.setAttribute("aria-pressed", String(!isShown));
    setText(button, isShown ? "Show" : "Hide");
  });
  // A password is never left readable on the screen or offered to the form history of the browser.
  input.form?.addEventListener("submit", () => {
    if (input.type === "text") button.click();
  });
}
