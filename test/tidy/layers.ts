// Who may import whom: the import rules of ARCHITECTURE.md, checked file by file. Owns the table of layers.
// Reads text only; loads nothing.

import { dirname, join, normalize } from "node:path/posix";
import type { ImportUse } from "./scan.ts";
import { importsOf } from "./scan.ts";
import type { SourceFile, Violation } from "./tree.ts";
import { codeIn, placeOf } from "./tree.ts";

interface Layer {
  /** What it may import, as starts of paths below src/. */
  readonly from: readonly string[];
  /** Node's modules it may import; `true` = all. */
  readonly node: true | readonly string[];
  /** Imports of types are free: they leave nothing behind at run time. */
  readonly typesFree?: boolean;
  /** npm packages it may import, all of them optional peers. */
  readonly packages?: readonly string[];
}

// The core is pure: of Node it uses the synchronous, deterministic part of crypto only.
const layers: Readonly<Record<string, Layer>> = {
  core: { from: ["core/"], node: ["node:crypto"] },
  platform: { from: ["platform/", "core/"], node: true },
  engine: { from: ["engine/", "core/"], node: true },
  stores: { from: ["stores/", "core/", "platform/"], node: true },
  http: { from: ["http/", "engine/", "core/"], node: true },
  adapters: { from: ["adapters/", "http/", "engine/", "core/"], node: true },
  verifier: {
    from: [
      "verifier/",
      "core/access-claims.ts",
      "core/base64url.ts",
      "core/bearer.ts",
      "core/compact.ts",
      "core/errors.ts",
    ],
    node: ["node:crypto"],
  },
  client: { from: ["client/"], node: [], typesFree: true },
  react: { from: ["react/"], node: [], typesFree: true, packages: ["react"] },
  console: { from: ["console/", "client/"], node: [], typesFree: true },
  testing: {
    from: ["testing/", "core/", "engine/", "http/", "platform/", "stores/memory.ts"],
    node: true,
  },
  simulator: {
    from: ["simulator/", "testing/", "core/", "engine/", "platform/", "stores/memory.ts"],
    node: true,
  },
  server: {
    from: ["server/", "core/", "engine/", "stores/", "http/", "adapters/", "platform/"],
    node: true,
    packages: ["@node-rs/argon2"],
  },
  cli: {
    from: ["cli/", "simulator/", "server/", "core/", "engine/", "stores/", "http/", "adapters/", "platform/"],
    node: true,
  },
  "index.ts": { from: ["core/", "engine/", "platform/"], node: [] },
};

// The one file of engine/ that composes: it falls back on the machine's clock and randomness.
const compositionRoots = ["engine/create-sessions.ts"];

function layerOf(path: string): string {
  return path.split("/")[0] as string;
}

/** Imports that a layer may not have. */
export function checkLayers(files: readonly SourceFile[]): Violation[] {
  const source = codeIn(files, "src/");
  const known = new Set(source.map(({ path }) => path.slice("src/".length)));
  return source.flatMap((file) => {
    const path = file.path.slice("src/".length);
    const layer = layers[layerOf(path)];
    if (layer === undefined) return [`${file.path}:1 belongs to no layer of test/tidy/layers.ts`];
    return importsOf(file.text).flatMap((use) => {
      const why = refusalOf(path, layer, use, known);
      return why === undefined ? [] : [`${placeOf(file, use.at)} imports ${JSON.stringify(use.specifier)}: ${why}`];
    });
  });
}

function refusalOf(path: string, layer: Layer, use: ImportUse, known: ReadonlySet<string>): string | undefined {
  const { specifier } = use;
  const name = layerOf(path);
  if (!specifier.startsWith(".")) return refusalOfPackage(name, layer, use);
  const target = normalize(join(dirname(path), specifier));
  if (!known.has(target)) return "there is no such file (relative imports end in .ts)";
  if (use.typeOnly && layer.typesFree) return undefined;
  if (target.startsWith("platform/") && compositionRoots.includes(path)) return undefined;
  return layer.from.some((start) => target.startsWith(start)) ? undefined : `${name} may not import ${layerOf(target)}`;
}

function refusalOfPackage(name: string, layer: Layer, use: ImportUse): string | undefined {
  const { specifier } = use;
  if (!specifier.startsWith("node:")) {
    return layer.packages?.includes(specifier) ? undefined : "the library has no dependency";
  }
  if (layer.node === true || layer.node.includes(specifier)) return undefined;
  return `${name} may not import this module of Node`;
}

/** Circles of files that import each other. */
export function checkCycles(files: readonly SourceFile[]): Violation[] {
  const source = codeIn(files, "src/");
  const targets = new Map(
    source.map((file) => [
      file.path,
      importsOf(file.text)
        .filter(({ specifier }) => specifier.startsWith("."))
        .map(({ specifier }) => normalize(join(dirname(file.path), specifier))),
    ]),
  );
  const violations: Violation[] = [];
  const done = new Set<string>();
  const visit = (path: string, trail: readonly string[]): void => {
    const seenAt = trail.indexOf(path);
    if (seenAt >= 0) {
      const circle = [...trail.slice(seenAt), path];
      violations.push(`${path}:1 imports itself in a circle: ${circle.join(" -> ")}`);
    } else if (!done.has(path)) {
      for (const target of targets.get(path) ?? []) visit(target, [...trail, path]);
      done.add(path);
    }
  };
  for (const path of targets.keys()) visit(path, []);
  // A file may import another twice, once for its types.
  return [...new Set(violations)];
}
