// Loaded into a node whose clock is to be wrong: shifts what the program can learn of the time by CHAOS_CLOCK_MILLISECONDS.
// Owns nothing else; timers go at their own pace.

const shift = Number(process.env.CHAOS_CLOCK_MILLISECONDS ?? 0);
const Real = Date;

globalThis.Date = class extends Real {
  constructor(...parts) {
    if (parts.length === 0) super(Real.now() + shift);
    else super(...parts);
  }

  static now() {
    return Real.now() + shift;
  }
};
