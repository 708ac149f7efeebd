// The moving picture of the welcome page: one refresh, told in three steps by the dial and the list next to it.
// Stands still where the visitor wants no motion; then the list alone tells it.

import { createDial, type Tooth } from "./dial.ts";
import { byId } from "./dom.ts";

/** The picture. */
export interface WelcomeDial {
  /** Goes on by one second. */
  tick(): void;
}

const secondsPerStep = 3;
const pastShown = 4;

/** Prepares the picture. */
export function prepareWelcomeDial(): WelcomeDial {
  const dial = createDial(byId("welcome-dial", HTMLElement), "generation");
  const steps = [...byId("welcome-steps", HTMLOListElement).children];
  const stillness = matchMedia("(prefers-reduced-motion: reduce)");
  let generation = 3;
  let seconds = 0;

  const show = (step: number): void => {
    for (const [index, item] of steps.entries()) item.classList.toggle("is-told", index === step);
    const isBetweenNotches = step === 0;
    dial.show({ generation, isBetweenNotches, isOver: false, teeth: teethAround(generation, isBetweenNotches) });
    if (step === 2) dial.shake();
  };

  show(-1);
  return {
    tick() {
      if (stillness.matches || byId("welcome", HTMLElement).hidden) return;
      const step = Math.floor(seconds / secondsPerStep) % steps.length;
      if (seconds % secondsPerStep === 0) {
        if (step === 1) generation += 1;
        show(step);
      }
      seconds += 1;
    },
  };
}

function teethAround(generation: number, isBetweenNotches: boolean): Tooth[] {
  const past = Array.from({ length: Math.min(generation, pastShown) }, (_, index): Tooth => {
    const standing = index === 0 ? "soft" : "retired";
    return { generation: generation - 1 - index, standing };
  });
  const next: Tooth[] = isBetweenNotches ? [{ generation: generation + 1, standing: "handed-out" }] : [];
  return [...past.reverse(), { generation, standing: "current" }, ...next];
}
