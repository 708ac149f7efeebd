// The dial: a ratchet wheel that stands for one session. Every refresh lifts the pawl onto the next tooth, every
// confirmation lets it drop behind it; the wheel never turns back. A picture only: the table says the same in words.

import { shape } from "./dom.ts";

/** How one generation is drawn. */
export interface Tooth {
  readonly generation: number;
  readonly standing: "current" | "handed-out" | "soft" | "retired";
}

/** What the dial shows. */
export interface DialView {
  /** The generation behind the pawl. */
  readonly generation: number;
  /** A successor is out and not confirmed: the pawl rides on the slope. */
  readonly isBetweenNotches: boolean;
  readonly isOver: boolean;
  readonly teeth: readonly Tooth[];
}

/** A dial in the page. */
export interface Dial {
  show(view: DialView): void;
  /** Shakes the wheel once: somebody tried to turn it back. */
  shake(): void;
}

/** As many teeth as a session remembers retirements (CONTRACT section 4). */
const teethCount = 16;
const stepDegrees = 360 / teethCount;
const tipRadius = 100;
const rootRadius = 84;
const numeralRadius = 70;
const pawlPivot = { x: -58, y: -108 };
const pawlLiftDegrees = -6;

/** Adds a dial to `container`, before whatever else is in it. */
export function createDial(container: Element, label: string): Dial {
  const picture = shape("svg", { viewBox: "-112 -124 224 236", "aria-hidden": "true", focusable: "false" });
  const wheel = shape("g", { class: "wheel" });
  wheel.append(shape("circle", { class: "wheel-body", r: String(rootRadius + 1) }));
  const teeth = Array.from({ length: teethCount }, (_, index) => createTooth(index));
  const numerals = Array.from({ length: teethCount }, (_, index) => createNumeral(index));
  wheel.append(...teeth, ...numerals);
  const number = shape("text", { class: "hub-number", y: "8" });
  const word = shape("text", { class: "hub-word", y: "26" });
  const pawl = createPawl();
  picture.append(wheel, shape("circle", { class: "hub", r: "46" }), number, word, pawl);
  container.prepend(picture);
  return {
    show(view) {
      const notches = view.generation + (view.isBetweenNotches ? 0.5 : 0);
      wheel.style.transform = `rotate(${notches * stepDegrees}deg)`;
      pawl.style.transform = `rotate(${view.isBetweenNotches ? pawlLiftDegrees : 0}deg)`;
      container.classList.toggle("is-over", view.isOver);
      number.textContent = view.isOver ? "✕" : String(view.generation);
      word.textContent = view.isOver ? "locked" : label;
      mark(teeth, numerals, view.teeth);
    },
    shake() {
      container.classList.remove("is-caught");
      // Reading the layout restarts the animation.
      void container.getBoundingClientRect();
      container.classList.add("is-caught");
    },
  };
}

function mark(teeth: readonly SVGElement[], numerals: readonly SVGElement[], view: readonly Tooth[]): void {
  for (const [index, tooth] of teeth.entries()) {
    // Two generations 16 apart share a tooth: the newer one shows.
    const shown = view.filter(({ generation }) => generation % teethCount === index).at(-1);
    const numeral = numerals[index] as SVGElement;
    numeral.textContent = shown === undefined ? "" : String(shown.generation);
    for (const part of [tooth, numeral]) {
      if (shown === undefined) part.removeAttribute("data-standing");
      else part.setAttribute("data-standing", shown.standing);
    }
  }
}

/** Later generations come from the left, as the wheel turns clockwise. */
function createTooth(index: number): SVGPolygonElement {
  const face = -index * stepDegrees;
  const points = [at(face, tipRadius), at(face, rootRadius), at(face + stepDegrees, rootRadius)];
  return shape("polygon", { class: "tooth", points: points.map(({ x, y }) => `${x},${y}`).join(" ") });
}

function createNumeral(index: number): SVGTextElement {
  const degrees = -index * stepDegrees + stepDegrees / 3;
  const { x, y } = at(degrees, numeralRadius);
  return shape("text", {
    class: "numeral",
    x: String(x),
    y: String(y),
    dy: "4",
    transform: `rotate(${degrees} ${x} ${y})`,
  });
}

function createPawl(): SVGGElement {
  const pawl = shape("g", { class: "pawl" });
  pawl.style.transformOrigin = `${pawlPivot.x}px ${pawlPivot.y}px`;
  pawl.append(
    shape("path", { class: "pawl-arm", d: "M-60 -117 C-40 -116 -18 -108 -1 -101 L-1 -85 C-20 -92 -40 -97 -59 -99 Z" }),
    shape("circle", { class: "pawl-pivot", cx: String(pawlPivot.x), cy: String(pawlPivot.y), r: "9" }),
  );
  return pawl;
}

/** The point at `degrees` clockwise from the top. */
function at(degrees: number, radius: number): { readonly x: number; readonly y: number } {
  const radians = ((degrees - 90) * Math.PI) / 180;
  return { x: round(radius * Math.cos(radians)), y: round(radius * Math.sin(radians)) };
}

function round(value: number): number {
  return Math.round(value * 100) / 100;
}
