// How large an import is for whoever bundles it, and what comes along: one measurement for the size table
// (bench/client-size.ts) and for the bound that a test holds (test/client/size.test.ts).
// Bundles in memory with rolldown; writes no file and judges nothing.

import { builtinModules } from "node:module";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { rolldown } from "rolldown";

/** What is bundled. */
export interface Entry {
  /** The module to bundle, as text: the import that an application would write. */
  readonly text: string;
  /** The folder from which its imports are resolved. */
  readonly folder: string;
  /** Packages that the application has anyway; they stay imports. */
  readonly external?: readonly string[];
}

/** What came out. */
export interface Bundle {
  readonly code: string;
  /** Bytes after minification. */
  readonly bytes: number;
  /** Of these, compressed with gzip -9. */
  readonly gzipBytes: number;
  /** Files that the entry reaches, whether or not something is left of them, sorted. */
  readonly modules: readonly string[];
  /** Imports that stay imports, sorted: the external ones, and modules of Node. */
  readonly imports: readonly string[];
}

const gzipLevel = 9;
const ofNode = new Set(builtinModules.flatMap((name) => [name, `node:${name}`]));

/**
 * Bundles `entry` for browsers: one minified ESM file, unused exports left out.
 * @throws Error for an import that leads nowhere.
 */
export async function measureBundle({ text, folder, external = [] }: Entry): Promise<Bundle> {
  const id = join(folder, "measured-entry.js");
  const reached = new Set<string>();
  const build = await rolldown({
    input: id,
    platform: "browser",
    treeshake: true,
    transform: { define: { "process.env.NODE_ENV": '"production"' } },
    external: (specifier) => external.includes(specifier) || ofNode.has(specifier),
    // What is not found would stay an import and weigh nothing. Other warnings are about the taste of those who wrote it.
    onLog: (_, log) => {
      if (log.code === "UNRESOLVED_IMPORT") throw new Error(log.message);
    },
    plugins: [
      {
        name: "measured-entry",
        resolveId: (specifier) => (specifier === id ? id : null),
        load: (specifier) => (specifier === id ? text : null),
        moduleParsed: (module) => void (module.id !== id && reached.add(module.id)),
      },
    ],
  });
  try {
    const { output } = await build.generate({
      format: "esm",
      minify: true,
      codeSplitting: false,
      comments: { annotation: false },
    });
    const chunks = output.filter((file) => file.type === "chunk");
    const code = chunks.map((chunk) => chunk.code).join("");
    return {
      code,
      bytes: Buffer.byteLength(code),
      gzipBytes: gzipSync(code, { level: gzipLevel }).length,
      modules: [...reached].sort(),
      imports: [...new Set(chunks.flatMap(({ imports, dynamicImports }) => [...imports, ...dynamicImports]))].sort(),
    };
  } finally {
    await build.close();
  }
}
