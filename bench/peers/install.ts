// Installs what Pawl is compared with. Owns no server: those are the programs beside it, started as processes of their
// own.

import { installPackages } from "../../tools/install-packages.ts";

/** Where the peers' programs live. */
export const peersFolder: string = import.meta.dirname;

/**
 * Makes sure that the packages are there.
 * @param say hears of an installation before it starts
 * @returns name and version of each
 */
export function installPeers(say: (progress: string) => void): Record<string, string> {
  return installPackages(peersFolder, say);
}
