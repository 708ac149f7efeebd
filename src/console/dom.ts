// Small tools for building the page without markup in strings: the content security policy demands trusted types, and
// text that came from a server or a visitor can never become markup this way.

/** The element with this id; a page without it is a defect of the page. */
export function byId<Wanted extends Element>(id: string, kind: new () => Wanted): Wanted {
  const found = document.getElementById(id);
  if (!(found instanceof kind)) throw new TypeError(`#${id} is missing`);
  return found;
}

/** A new HTML element with attributes and children; texts stay texts. */
export function element<Name extends keyof HTMLElementTagNameMap>(
  name: Name,
  attributes: Readonly<Record<string, string>> = {},
  ...children: readonly (Node | string)[]
): HTMLElementTagNameMap[Name] {
  const made = document.createElement(name);
  for (const [attribute, value] of Object.entries(attributes)) made.setAttribute(attribute, value);
  made.append(...children);
  return made;
}

/** A new SVG element with attributes. */
export function shape<Name extends keyof SVGElementTagNameMap>(
  name: Name,
  attributes: Readonly<Record<string, string>> = {},
): SVGElementTagNameMap[Name] {
  const made = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [attribute, value] of Object.entries(attributes)) made.setAttribute(attribute, value);
  return made;
}

/** Sets a text only when it changed, so that live regions and selections are left alone. */
export function setText(target: Element, text: string): void {
  if (target.textContent !== text) target.textContent = text;
}

/** Moves keyboard focus to a heading or panel, for people who follow the page by focus. */
export function focusOn(target: HTMLElement): void {
  target.tabIndex = -1;
  target.focus();
}
