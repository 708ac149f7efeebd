// Checks of a page as people with a keyboard, a screen reader or tired eyes meet it: names, labels, references, order of
// headings, contrast. Runs inside the page; returns what is wrong in words.

import type { Page } from "playwright-core";

/** Everything wrong with names, labels, references and headings of what is visible. */
export function structureProblems(page: Page): Promise<string[]> {
  return page.evaluate(() => {
    const problems: string[] = [];
    const isShown = (target: Element): boolean =>
      target.checkVisibility() && target.closest("[aria-hidden=true]") === null;
    const all = [...document.querySelectorAll("*")].filter(isShown);
    const nameOf = (target: Element): string => {
      const labelled = target.getAttribute("aria-labelledby")?.split(" ") ?? [];
      const texts = labelled.map((id) => document.getElementById(id)?.textContent ?? "");
      const labels =
        target instanceof HTMLInputElement ? [...(target.labels ?? [])].map((each) => each.textContent) : [];
      return [target.getAttribute("aria-label"), ...texts, ...labels, target.textContent].join("").trim();
    };
    for (const target of all) {
      const place = `${target.tagName.toLowerCase()}#${target.id}`;
      if (
        target.matches("button, a, input, table, [role=tab], [role=tabpanel], [role=log], section") &&
        nameOf(target) === ""
      ) {
        problems.push(`${place} has no name`);
      }
      for (const attribute of ["aria-labelledby", "aria-describedby", "aria-controls", "for"]) {
        for (const id of target.getAttribute(attribute)?.split(" ") ?? []) {
          if (document.getElementById(id) === null) problems.push(`${place} ${attribute} leads nowhere: ${id}`);
        }
      }
      if (target instanceof HTMLElement && target.tabIndex > 0) problems.push(`${place} has a tabindex above 0`);
      if (target instanceof HTMLInputElement && target.type !== "hidden" && target.autocomplete === "") {
        problems.push(`${place} says nothing about autocompletion`);
      }
      const box = target.getBoundingClientRect();
      if (target.matches("button, .button") && box.height < 24) problems.push(`${place} is too small to hit`);
    }
    const ids = [...document.querySelectorAll("[id]")].map(({ id }) => id);
    for (const id of ids.filter((each, index) => ids.indexOf(each) !== index)) problems.push(`#${id} exists twice`);
    const levels = all.filter((each) => /^H[1-6]$/.test(each.tagName)).map((each) => Number(each.tagName[1]));
    if (levels.filter((level) => level === 1).length !== 1) problems.push(`headings of level 1: ${levels}`);
    if (levels.some((level, index) => level > (levels[index - 1] ?? 0) + 1)) problems.push(`headings skip: ${levels}`);
    if (document.querySelectorAll("main").length !== 1) problems.push("there must be one main");
    if (document.documentElement.lang === "") problems.push("the language is missing");
    return problems;
  });
}

/** Texts whose contrast is below 4.5 (WCAG 2.2, 1.4.3), and borders of inputs and buttons below 3 (1.4.11). */
export function contrastProblems(page: Page): Promise<string[]> {
  return page.evaluate(() => {
    type Colour = readonly [number, number, number, number];
    const read = (text: string): Colour => {
      const [red = 0, green = 0, blue = 0, alpha = 1] = (text.match(/[\d.]+/g) ?? []).map(Number);
      return [red, green, blue, alpha];
    };
    const channel = (value: number): number => {
      const part = value / 255;
      return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
    };
    const light = ([red, green, blue]: Colour): number =>
      0.2126 * channel(red) + 0.7152 * channel(green) + 0.0722 * channel(blue);
    const contrast = (a: Colour, b: Colour): number => {
      const [bright = 0, dark = 0] = [light(a), light(b)].sort((one, two) => two - one);
      return (bright + 0.05) / (dark + 0.05);
    };
    const groundOf = (target: Element | null): Colour => {
      for (let at = target; at !== null; at = at.parentElement) {
        const colour = read(getComputedStyle(at).backgroundColor);
        if (colour[3] === 1) return colour;
      }
      return [255, 255, 255, 1];
    };
    const problems: string[] = [];
    for (const target of document.querySelectorAll("body *")) {
      if (!target.checkVisibility() || target.closest(".sr-only, svg") !== null) continue;
      const style = getComputedStyle(target);
      const texts = [...target.childNodes].filter((node) => node instanceof Text && node.data.trim() !== "");
      const ratio = contrast(read(style.color), groundOf(target));
      if (texts.length > 0 && ratio < 4.5) {
        problems.push(`${target.tagName}#${target.id}.${target.className}: ${ratio.toFixed(2)}`);
      }
      if (target.matches("input")) {
        const border = contrast(read(style.borderTopColor), groundOf(target.parentElement));
        if (border < 3) problems.push(`the border of #${target.id}: ${border.toFixed(2)}`);
      }
    }
    return problems;
  });
}

/** True when the page scrolls sideways. */
export function overflows(page: Page): Promise<boolean> {
  return page.evaluate(() => document.documentElement.scrollWidth > document.documentElement.clientWidth);
}
