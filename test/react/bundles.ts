// Bundles the application of the tests with a React of one's choice, as its development build: that is the one which
// warns and which mounts twice in StrictMode. Owns which React is which.

import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { rolldown } from "rolldown";
import type * as rendering from "./rendering.ts";

/** The versions under test: the oldest that `pawl/react` takes, and the newest. */
export const reactVersions = ["18", "19"] as const;
export type ReactVersion = (typeof reactVersions)[number];

const modules = join(import.meta.dirname, "../../node_modules");

function aliasesOf(version: ReactVersion): Record<string, string> {
  if (version === "19") return {};
  return { react: join(modules, "react18"), "react-dom": join(modules, "react-dom18") };
}

async function bundle(version: ReactVersion, file: string, platform: "browser" | "node"): Promise<string> {
  const build = await rolldown({
    input: join(import.meta.dirname, file),
    platform,
    resolve: { alias: aliasesOf(version) },
    transform: { define: { "process.env.NODE_ENV": '"development"' } },
  });
  const { output } = await build.generate({ format: "esm", codeSplitting: false });
  await build.close();
  return output[0].code;
}

/** The page's program. */
export function bundlePage(version: ReactVersion): Promise<string> {
  return bundle(version, "page.ts", "browser");
}

/** The server's program, loaded from a file in `folder`. */
export async function loadRendering(version: ReactVersion, folder: string): Promise<typeof rendering> {
  const file = join(folder, `rendering-${version}.mjs`);
  writeFileSync(file, await bundle(version, "rendering.ts", "node"));
  return await import(pathToFileURL(file).href);
}
