// examples/deploy: the Dockerfile and the systemd unit. The unit is verified by systemd where that is there; the Dockerfile
// by the rules that its linters agree on, and against the project's own lockfile and build.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, it } from "node:test";

const root = new URL("../../", import.meta.url);
const read = (path: string): string => readFileSync(new URL(path, root), "utf8");

describe("the Dockerfile", () => {
  const lines = read("examples/deploy/Dockerfile")
    .replaceAll("\\\n", " ")
    .split("\n")
    .filter((line) => line.trim() !== "" && !line.startsWith("#"));
  const all = (word: string): string[] => lines.filter((line) => line.startsWith(`${word} `));
  const known = /^(FROM|WORKDIR|COPY|RUN|USER|ENV|VOLUME|EXPOSE|STOPSIGNAL|HEALTHCHECK|ENTRYPOINT|CMD) /;

  it("has only instructions, pinned images, and nothing secret", () => {
    for (const line of lines) assert.match(line, known);
    for (const line of all("FROM")) assert.match(line, /^FROM node:\d+-bookworm-slim( AS \w+)?$/);
    assert.doesNotMatch(lines.join("\n"), /latest|PAWL_SECRET|ADD |sudo|curl/);
    const copied = all("COPY").filter((line) => line.includes("--from="));
    assert.deepEqual(
      copied.map((line) => /--from=(\w+)/.exec(line)?.[1]),
      ["build"],
    );
  });

  it("runs as somebody who is not root, with a health check and words that signals reach", () => {
    assert.deepEqual(all("USER"), ["USER node"]);
    assert.ok(lines.indexOf("USER node") > lines.findLastIndex((line) => line.startsWith("RUN ")));
    for (const word of ["ENTRYPOINT", "CMD"]) {
      const words = JSON.parse((all(word)[0] as string).slice(word.length + 1)) as string[];
      assert.ok(words.every((each) => typeof each === "string"));
    }
    const health = /CMD (\[.*\])$/.exec(all("HEALTHCHECK")[0] as string)?.[1] as string;
    const [node, flag, script] = JSON.parse(health) as [string, string, string];
    assert.deepEqual([node, flag], ["node", "-e"]);
    // Nothing listens there: the script must run, and say so with its exit code.
    const code = spawnSync(process.execPath, ["-e", script], { env: { PORT: "1" } }).status;
    assert.equal(code, 1);
  });

  it("is built without what the machine that builds it has of its own", () => {
    const kept = read("examples/deploy/Dockerfile.dockerignore").split("\n");
    for (const name of [
      "node_modules",
      "**/node_modules",
      "dist",
      "data",
      "**/*.secret",
      "**/*.db",
      ".git",
      "**/.env",
    ]) {
      assert.ok(kept.includes(name), name);
    }
  });

  it("installs the drivers that the project is tested with", () => {
    const { devDependencies } = JSON.parse(read("package.json")) as { devDependencies: Record<string, string> };
    const install = all("RUN").find((line) => line.includes("npm install")) as string;
    for (const name of ["pg", "ioredis", "@node-rs/argon2"]) {
      assert.ok(install.includes(` ${name}@${devDependencies[name]} `), name);
    }
  });
});

describe("the systemd unit", () => {
  const unit = read("examples/deploy/pawl.service");

  it("is verified by systemd", {
    skip: spawnSync("systemd-analyze", ["--version"]).status === 0 ? false : "needs systemd-analyze",
  }, () => {
    const folder = mkdtempSync(join(tmpdir(), "pawl-unit-"));
    try {
      // The program is not installed here; everything else is looked at as it is.
      const file = join(folder, "pawl.service");
      writeFileSync(file, unit.replace("/usr/bin/node", process.execPath));
      const { status, stderr } = spawnSync("systemd-analyze", ["verify", "--man=no", file], { encoding: "utf8" });
      assert.deepEqual([status, stderr.split("\n").filter((line) => line.includes("pawl.service"))], [0, []], stderr);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });

  it("waits longer than a server takes to end, and keeps files and rights to itself", () => {
    assert.ok(Number(/^TimeoutStopSec=(\d+)$/m.exec(unit)?.[1]) > 10);
    for (const line of [
      "DynamicUser=yes",
      "UMask=0077",
      "NoNewPrivileges=yes",
      "ProtectSystem=strict",
      "CapabilityBoundingSet=",
    ]) {
      assert.ok(unit.split("\n").includes(line), line);
    }
  });
});
