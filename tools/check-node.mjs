// Says in one line when a script of this repository runs under a Node.js that cannot run it, and exits with 1.
// Plain old JavaScript: it must parse on Node.js 12, or the clear line would be a syntax error.
// Usage: node tools/check-node.mjs <least version> [built]; `built` also asks for the compiled program in dist/.

import { existsSync } from "node:fs";

var wanted = process.argv[2].split(".").map(Number);
var found = process.versions.node.split(".").map(Number);
var minor = wanted[1] || 0;

function stop(line) {
  console.error(`pawl: ${line}`);
  process.exit(1);
}

if (found[0] < wanted[0] || (found[0] === wanted[0] && found[1] < minor)) {
  stop(
    "this script needs Node.js " +
      process.argv[2] +
      " or newer and this is " +
      process.versions.node +
      "; `npm ci` (without --ignore-scripts) brings the right one along.",
  );
}

if (process.argv[3] === "built" && !existsSync(new URL("../dist/cli/main.js", import.meta.url))) {
  stop("the program is not built yet; run `npm run build`.");
}
