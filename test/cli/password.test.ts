// Where a password comes from: standard input, or a prompt that shows nothing.

import assert from "node:assert/strict";
import { PassThrough } from "node:stream";
import { describe, it } from "node:test";
import { UsageError } from "../../src/cli/arguments.ts";
import { readNewPassword } from "../../src/cli/password.ts";
import type { Terminal } from "../../src/cli/terminal.ts";

interface Typed {
  readonly terminal: Terminal;
  readonly input: PassThrough;
  readonly modes: boolean[];
  shown(): string;
}

function typing(isTTY: boolean): Typed {
  const modes: boolean[] = [];
  const input = Object.assign(new PassThrough(), { isTTY, setRawMode: (raw: boolean) => modes.push(raw) });
  const errors = new PassThrough();
  const terminal = { input, output: new PassThrough(), errors, environment: {}, directory: "." };
  return { terminal, input, modes, shown: () => String(errors.read() ?? "") };
}

describe("a password on standard input", () => {
  const fromInput = (bytes: string | Buffer): Promise<string> => {
    const { terminal, input } = typing(false);
    input.end(bytes);
    return readNewPassword(terminal, true);
  };

  it("is everything up to the end, but for one line break", async () => {
    assert.equal(await fromInput("correct horse battery\n"), "correct horse battery");
    assert.equal(await fromInput("correct horse\r\n"), "correct horse");
    assert.equal(await fromInput(" with spaces \n\n"), " with spaces \n");
    assert.equal(await fromInput(""), "");
  });

  it("is refused when it is not UTF-8 or far too long", async () => {
    await assert.rejects(fromInput(Buffer.from([0xff, 0xfe])), UsageError);
    await assert.rejects(fromInput("x".repeat(5000)), UsageError);
  });

  it("is not waited for without a terminal", async () => {
    await assert.rejects(readNewPassword(typing(false).terminal, false), /--password-stdin/);
  });
});

describe("a password at the prompt", () => {
  it("is asked for twice, shown never, and the terminal is left as it was", async () => {
    const { terminal, input, modes, shown } = typing(true);
    const password = readNewPassword(terminal, false);
    input.write("correct hosre\u007f\u007f\u007frse\r");
    input.write("correct ho");
    input.write("rse\n");
    assert.equal(await password, "correct horse");
    assert.equal(shown(), "Password: \nOnce more: \n");
    assert.deepEqual(modes, [true, false, true, false]);
  });

  it("may be typed ahead", async () => {
    const { terminal, input } = typing(true);
    input.write("secret words\rsecret words\r");
    assert.equal(await readNewPassword(terminal, false), "secret words");
  });

  it("is refused when the two differ, and given up with Ctrl-C", async () => {
    const differ = typing(true);
    differ.input.write("one\rtwo\r");
    await assert.rejects(readNewPassword(differ.terminal, false), /differ/);
    const stopped = typing(true);
    stopped.input.write("half\u0003");
    await assert.rejects(readNewPassword(stopped.terminal, false), /given up/);
    assert.deepEqual(stopped.modes, [true, false]);
  });
});
