// `npm run simulate`: the simulator from the checkout, the same program as `pawl simulate` with the same flags.
// Owns nothing but the name of the command.

import { run } from "../src/cli/run.ts";
import { processTerminal } from "../src/cli/terminal.ts";

process.exitCode = await run(["simulate", ...process.argv.slice(2)], processTerminal());
