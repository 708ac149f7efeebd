// What a reader of an option throws for a value that it does not take. Owns nothing else, so that readers in several files
// can share it.

/** A value that is not accepted; `reason` says more than the option's own sentence, where there is more to say. */
export class Refused extends Error {
  readonly reason: string | undefined;

  constructor(reason?: string) {
    super(reason ?? "not accepted");
    this.reason = reason;
  }
}
