// From words to a command: what is understood, what is wrong usage, and what the nearest known word is.

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { type Parsed, parseCommandLine, UsageError } from "../../src/cli/arguments.ts";
import { commands } from "../../src/cli/commands.ts";

function wrong(...argv: string[]): string {
  try {
    parseCommandLine(argv);
  } catch (error) {
    assert.ok(error instanceof UsageError, String(error));
    return error.message;
  }
  return assert.fail(`accepted ${argv.join(" ")}`);
}

function parsed(line: string): Parsed {
  return parseCommandLine(line.split(" "));
}

describe("a command line", () => {
  it("names every command by its words", () => {
    for (const command of commands) {
      const operands = Array.from({ length: command.operands[0] }, () => "x");
      const found = parseCommandLine([...command.name.split(" "), ...operands]);
      assert.equal(found.command, command);
      assert.deepEqual(found.operands, operands);
    }
  });

  it("has flags before, between and after the words", () => {
    for (const line of [
      "users add a@example.com --name Ann --store memory:",
      "--store memory: users add --name Ann a@example.com",
      "users --name=Ann add --store=memory: a@example.com",
    ]) {
      const { command, operands, flags, options, json } = parsed(line);
      assert.equal(command.name, "users add");
      assert.deepEqual(
        { operands, flags, options, json },
        {
          operands: ["a@example.com"],
          flags: { name: "Ann" },
          options: { store: "memory:" },
          json: false,
        },
      );
    }
  });

  it("takes --json, --help, --version and what follows --", () => {
    assert.equal(parsed("sessions list --json").json, true);
    assert.equal(parsed("serve --help").help, true);
    assert.equal(parsed("serve -h").help, true);
    assert.equal(parsed("users add --help").help, true);
    assert.equal(parsed("--help").command.name, "help");
    assert.deepEqual(parsed("users --help").operands, ["users"]);
    assert.equal(parsed("--version").command.name, "version");
    assert.deepEqual(parseCommandLine(["users", "add", "--", "--odd@example.com"]).operands, ["--odd@example.com"]);
  });

  it("is wrong with an unknown word, and says the nearest", () => {
    assert.match(wrong("sevre"), /no command "sevre"; did you mean serve\?/);
    assert.match(wrong("session", "list"), /did you mean sessions\?/);
    assert.match(
      wrong("users", "ad", "x"),
      /no command "users ad"; did you mean add\? \(add, list, disable, enable, reset\)/,
    );
    assert.match(wrong("xylophone"), /no command "xylophone"$/);
    assert.match(wrong(), /which command/);
    assert.match(wrong("users"), /needs one of: add, list, disable, enable, reset/);
    assert.match(wrong("doctor"), /doctor arrives in a later version/);
    assert.match(wrong("keys", "revoke"), /keys revoke needs <key id>/);
    assert.match(wrong("store"), /needs one of: copy, backup/);
    assert.match(wrong("constructor"), /no command/);
  });

  it("is wrong with an unknown flag, and says the nearest", () => {
    assert.match(wrong("serve", "--prot", "1"), /no flag "--prot"; did you mean --port\?/);
    assert.match(wrong("serve", "-p", "1"), /no flag "-p"/);
    assert.match(wrong("serve", "--name", "x"), /no flag "--name"/);
    assert.match(wrong("version", "--store", "memory:"), /no flag "--store"/);
    assert.match(wrong("serve", "--secret", "x"), /no flag, other processes could read it: set PAWL_SECRET/);
    assert.match(wrong("serve", "--admin-token=x"), /set PAWL_ADMIN_TOKEN/);
    assert.match(wrong("serve", "--__proto__", "x"), /no flag/);
    assert.match(wrong("serve", "--constructor"), /no flag/);
  });

  it("is wrong with a value that is missing, not wanted or given twice", () => {
    assert.match(wrong("serve", "--port"), /--port needs a value/);
    assert.match(wrong("serve", "--port", "--host", "x"), /--port needs a value/);
    assert.match(wrong("sessions", "list", "--json=yes"), /--json takes no value/);
    assert.match(wrong("serve", "--port", "1", "--port=2"), /--port is given twice/);
  });

  it("is wrong with words too few or too many", () => {
    assert.match(wrong("users", "add"), /users add needs <email>/);
    assert.match(wrong("users", "add", "a@example.com", "secret"), /does not take "secret"/);
    assert.match(wrong("serve", "4000"), /serve does not take "4000"/);
    assert.match(wrong(...Array.from({ length: 3000 }, () => "x")), /more than/);
  });
});
