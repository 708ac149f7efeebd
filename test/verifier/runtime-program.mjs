// Runs runtime-checks.mjs as a program and prints its results as one line of JSON.
// Arguments: the module of the verifier, the options as JSON.

import { check } from "./runtime-checks.mjs";

const [module, options] = process.argv.slice(2);
console.log(JSON.stringify(await check(await import(module), JSON.parse(options))));
// Whatever is still open would be a leak; the verifier was closed, and connections that are kept alive end by themselves.
