// What a figure cannot do without: machine and versions. Reads them, judges nothing.

import { cpus, release, totalmem } from "node:os";

/** The machine and the programs that every server under measurement shares. */
export interface Machine {
  readonly cpu: string;
  readonly cores: number;
  readonly memoryGigabytes: number;
  readonly system: string;
  readonly node: string;
  readonly openssl: string;
  readonly sqlite: string;
}

/** This machine. */
export function readMachine(): Machine {
  return {
    cpu: cpus()[0]?.model.trim() ?? "unknown",
    cores: cpus().length,
    memoryGigabytes: Math.round(totalmem() / 1e9),
    system: `${process.platform} ${release()}`,
    node: process.versions.node,
    openssl: process.versions.openssl,
    sqlite: process.versions.sqlite ?? "unknown",
  };
}
