#!/usr/bin/env node
// The pawl command. Only checks that this Node can run it, then loads the rest: everything else may use syntax and
// modules that an older Node does not have, so this file must not import anything statically.

const [major = 0, minor = 0] = process.versions.node.split(".").map(Number);

if (major < 22 || (major === 22 && minor < 13)) {
  process.stderr.write(`pawl needs Node.js 22.13 or newer; this is ${process.versions.node}\n`);
  process.exitCode = 1;
} else {
  import("./run.ts").then(({ runProcess }) => runProcess());
}
