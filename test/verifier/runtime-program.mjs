// Runs runtime-checks.mjs as a program and prints its results as one line of JSON.
// Arguments: the module of the verifier, the options as JSON.

import vectors from "../vectors/wycheproof-jws.json" with { type: "json" };
import { acceptedVectors, check } from "./runtime-checks.mjs";

const [module, options] = process.argv.slice(2);
const pawl = await import(module);
const checked = await check(pawl, JSON.parse(options));
console.log(JSON.stringify({ checked, accepted: await acceptedVectors(pawl, vectors) }));
// Whatever is still open would be a leak; the verifier was closed, and connections that are kept alive end by themselves.
