// The mutation check of the rotation rules: breaks each row of CONTRACT section 4 in src/core/decide.ts in turn, in a
// copy, and demands that a test of test/core fails. A mutation that survives is a hole in the tests.
// Run: npm run mutate (also part of npm test).

import { execFile } from "node:child_process";
import { cp, mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";

const root = join(import.meta.dirname, "..");
const parallel = 2;
const run = promisify(execFile);

interface Mutation {
  readonly name: string;
  readonly from: string;
  readonly to: string;
}

const mutations: readonly Mutation[] = [
  { name: "row 1: a retry is not counted", from: "count: 2, lastAt: now", to: "count: 1, lastAt: now" },
  {
    name: "row 1: expiry drawn anew inside a burst",
    from: "return { ...before, count: 2",
    to: "return { ...before, expiresAt: before.expiresAt + 1, count: 2",
  },
  {
    name: "row 1: expiry beyond the session",
    from: "Math.min(Math.floor(now / 1000) + policy.idleTtlSeconds, record.expiresAt)",
    to: "Math.floor(now / 1000) + policy.idleTtlSeconds",
  },
  { name: "row 1: key of the burst ignored", from: "ring.byId(burst.keyId) as SecretKeys", to: "ring.newest" },
  {
    name: "row 1: a full contended burst still hands out",
    from: 'return { outcome: "settle" };\n  return { outcome: "rotate", ...handOutSuccessor(facts, record)',
    to: '{}\n  return { outcome: "rotate", ...handOutSuccessor(facts, record)',
  },
  {
    name: "row 1: confirm of the current token rotates",
    from: 'if (presented.operation === "confirm") return { outcome: "unchanged" };\n  if (takes',
    to: "if (takes",
  },
  { name: "row 2: link not checked", from: "ahead === 1 && isDescendant(facts, 0)", to: "ahead === 1" },
  { name: "row 2: siblings do not die", from: "    currentHash: hash,", to: "    currentHash: record.currentHash," },
  {
    name: "row 2: the old token is not retired",
    from: "stillRecent([...retired, ...record.retiredAt]",
    to: "stillRecent([...record.retiredAt]",
  },
  { name: "row 2: hand-outs survive the confirm", from: "    handOut: undefined,\n    retiredAt", to: "    retiredAt" },
  {
    name: "row 2: the predecessor's hash is not kept",
    from: "previousHash: steps === 1 ? record.currentHash : noHash",
    to: "previousHash: noHash",
  },
  {
    name: "row 2: the older hash is not kept",
    from: "olderHash: steps === 1 ? record.previousHash : record.currentHash",
    to: "olderHash: noHash",
  },
  {
    name: "row 2: confirm also rotates",
    from: 'if (facts.presented.operation === "confirm") return { outcome: "confirm", next, rolledBack };',
    to: "",
  },
  {
    name: "row 3: contention ignored",
    from: "if (isContended(record.handOut, now, policy) && isOf",
    to: "if (false && isContended(record.handOut, now, policy) && isOf",
  },
  { name: "row 3: contended although an answer arrived earlier", from: 'handOut.arrived !== "earlier" &&', to: "" },
  {
    name: "row 3: a successor of an earlier burst waits",
    from: "return token.expiresAt === handOut.expiresAt;",
    to: "return true;",
  },
  {
    name: "row 3: an arrival is not remembered",
    from: 'if (handOut?.arrived !== "no") return { outcome };',
    to: "if (outcome.length > 0) return { outcome };",
  },
  {
    name: "row 3: an arrival is remembered again and again",
    from: 'if (handOut?.arrived !== "no") return { outcome };',
    to: 'if (handOut === undefined || handOut.arrived === "earlier") return { outcome };',
  },
  {
    name: "row 3: an arrival is forgotten with its burst",
    from: 'arrived: before === undefined || before.arrived === "no" ? "no" : "earlier"',
    to: 'arrived: "no"',
  },
  {
    name: "row 3: an arrival lasts into the next burst as its own",
    from: 'arrived: before === undefined || before.arrived === "no" ? "no" : "earlier"',
    to: 'arrived: before?.arrived ?? "no"',
  },
  {
    name: "row 3: a later burst hands out although an answer arrived",
    from: 'handOut.crowdedBursts === 1 ? !isNear(now, handOut.firstAt, zone) : handOut.arrived !== "no"',
    to: "handOut.crowdedBursts === 1 && !isNear(now, handOut.firstAt, zone)",
  },
  {
    name: "row 3: a later burst takes no more, like the first",
    from: 'handOut.crowdedBursts === 1 ? !isNear(now, handOut.firstAt, zone) : handOut.arrived !== "no"',
    to: "!isNear(now, handOut.firstAt, zone)",
  },
  {
    name: "row 3: the first burst takes no more once an answer arrived",
    from: 'handOut.crowdedBursts === 1 ? !isNear(now, handOut.firstAt, zone) : handOut.arrived !== "no"',
    to: '!isNear(now, handOut.firstAt, zone) || handOut.arrived !== "no"',
  },
  {
    name: "row 4: not counted as a hand-out",
    from: "if (isHandedOutAgain(record, now, policy)) return settle(facts, undefined);",
    to: "",
  },
  {
    name: "row 4: an arrival is remembered while its answer is under way",
    from: "if (isHandedOutAgain(record, now, policy)) return settle(facts, undefined);",
    to: "if (isHandedOutAgain(record, now, policy)) return settle(facts, record.handOut);",
  },
  { name: "row 4: counted for ever", from: "    currentAgainAt: undefined,\n    handOut", to: "    handOut" },
  { name: "row 4: its time is not written", from: "currentAgainAt: now,", to: "" },
  {
    name: "row 4: a shared attempt is not noted",
    from: "serverAttempt: isOurs ? { ...serverAttempt, isShared: true } : serverAttempt",
    to: "serverAttempt",
  },
  {
    name: "row 4: a client's key shares the server's attempt",
    from: "const isOurs = presented.attempt === undefined && serverAttempt !== undefined;",
    to: "const isOurs = serverAttempt !== undefined;",
  },
  { name: "row 3: one hand-out contends", from: "handOut.count > 1 &&", to: "" },
  {
    name: "row 3: contention measured from the first hand-out",
    from: "isNear(now, handOut.lastAt, softZoneMilliseconds(policy))\n  );",
    to: "isNear(now, handOut.firstAt, softZoneMilliseconds(policy))\n  );",
  },
  {
    name: "row 3: contention never ends",
    from: "    isNear(now, handOut.lastAt, softZoneMilliseconds(policy))\n  );",
    to: "    true\n  );",
  },
  {
    name: "row 3: the burst takes more for ever",
    from: "return handOut.crowdedBursts === 1 ? !isNear(now, handOut.firstAt, zone) :",
    to: "return handOut.crowdedBursts === 1 ? false :",
  },
  {
    name: "row 3: a burst never ends",
    from: "before !== undefined && isNear(now, before.lastAt, softZoneMilliseconds(policy))",
    to: "before !== undefined",
  },
  {
    name: "row 3: crowded bursts forgotten",
    from: "crowdedBursts: before?.crowdedBursts ?? 0",
    to: "crowdedBursts: 0",
  },
  { name: "row 4: any attempt", from: "if (!sameBytes(hash, record.currentHash)) return undefined;", to: "" },
  { name: "row 4: dropped", from: "if (again !== undefined) {", to: "if (false) {" },
  {
    name: "row 4: also after the next hand-out",
    from: " || record.handOut !== undefined) return undefined",
    to: ") return undefined",
  },
  {
    name: "row 4: second link of the rebuilt token",
    from: "linkOf(keys, record.olderHash, hash)]",
    to: "linkOf(keys, record.previousHash, hash)]",
  },
  {
    name: "row 4: expiry of the rebuilt token",
    from: "    expiresAt: record.currentExpiresAt,\n    secret",
    to: "    expiresAt: record.expiresAt,\n    secret",
  },
  { name: "row 5: soft zone dropped", from: "return isSuperseded(facts) ?", to: "return false ?" },
  {
    name: "row 5: soft zone for ever",
    from: "retiredAt !== undefined && now - retiredAt < softZoneMilliseconds(policy)",
    to: "retiredAt !== undefined",
  },
  {
    name: "row 5: soft zone is one grace",
    from: "return 2 * policy.graceSeconds * 1000;",
    to: "return policy.graceSeconds * 1000;",
  },
  {
    name: "row 5: soft zone a millisecond longer",
    from: "now - retiredAt < softZone",
    to: "now - retiredAt <= softZone",
  },
  { name: "row 5: full-list rule dropped", from: "Math.min(stepsBack, retiredTimesMax) - 1", to: "stepsBack - 1" },
  {
    name: "row 5: a short list counts as full",
    from: "record.retiredAt[index]",
    to: "(record.retiredAt[index] ?? record.retiredAt.at(-1))",
  },
  {
    name: "row 5: a dead sibling is superseded",
    from: "if (stepsBack === 0) return false;",
    to: "if (stepsBack === 0) return true;",
  },
  {
    name: "row 5: recent times dropped with the old",
    from: "return retiredAt.slice(0, last + 1);",
    to: "return retiredAt.slice(0, 1);",
  },
  { name: "row 5: old times kept", from: "return retiredAt.slice(0, last + 1);", to: "return retiredAt;" },
  { name: "row 6: second link not checked", from: "ahead === 2 && isDescendant(facts, 1)", to: "ahead === 2" },
  { name: "row 6: dropped", from: "ahead === 2 && isDescendant(facts, 1)", to: "false" },
  { name: "row 6: only one generation retired", from: "Array.from({ length: steps }", to: "Array.from({ length: 1 }" },
  { name: "row 6: not remembered", from: "const next = rolledBack\n", to: "const next = false\n" },
  {
    name: "row 7: a newer token is reuse",
    from: 'if (policy.rotation === "strict") return reuse(facts);\n  return { outcome: "invalid" };',
    to: "return reuse(facts);",
  },
  {
    name: "row 8: reuse ends nothing",
    from: 'next: endSession(record, "refresh_token_reused", now, seen)',
    to: "next: { ...record, version: record.version + 1 }",
  },
  {
    name: "row 8: reuse is only refused",
    from: 'return isSuperseded(facts) ? { outcome: "superseded" } : reuse(facts);',
    to: 'return isSuperseded(facts) ? { outcome: "superseded" } : { outcome: "invalid" };',
  },
  {
    name: "no key: sliding window",
    from: "if (usable !== undefined) return { ...usable, isShared: true };",
    to: "if (usable !== undefined) return { ...usable, firstUsedAt: facts.now, isShared: true };",
  },
  {
    name: "no key: two-generation limit dropped",
    from: " || kept.sharedBefore >= sharedGenerationsMax",
    to: "",
  },
  {
    name: "no key: sharing is not noted",
    from: "if (usable !== undefined) return { ...usable, isShared: true };",
    to: "if (usable !== undefined) return usable;",
  },
  {
    name: "no key: generations that were not shared count",
    from: "if (before?.generation !== generation - 1 || !before.isShared) return fresh;",
    to: "if (before?.generation !== generation - 1) return fresh;",
  },
  {
    name: "no key: generations in between do not count",
    from: "if (before?.generation !== generation - 1 || !before.isShared) return fresh;",
    to: "if (before === undefined || !before.isShared) return fresh;",
  },
  {
    name: "no key: drawing anew forgets that the generation is shared",
    from: "return { ...fresh, isShared: before.isShared, sharedBefore: before.sharedBefore };",
    to: "return { ...fresh, sharedBefore: before.sharedBefore };",
  },
  {
    name: "no key: drawing anew forgets the generations before",
    from: "return { ...fresh, isShared: before.isShared, sharedBefore: before.sharedBefore };",
    to: "return { ...fresh, isShared: before.isShared };",
  },
  {
    name: "no key: an attempt of another generation",
    from: "kept?.generation !== generation ||",
    to: "kept === undefined ||",
  },
  {
    name: "no key: attempt kept for ever",
    from: "return isNear(now, kept.firstUsedAt, policy.graceSeconds * 1000) ? kept : undefined;",
    to: "return kept;",
  },
  {
    name: "no key: a new attempt each time",
    from: "const usable = usableServerAttempt(facts, generation);",
    to: "const usable = undefined as ServerAttempt | undefined;",
  },
  {
    name: "strict: behaves as two-phase when handing out",
    from: 'if (policy.rotation === "strict") return { next: makeCurrent',
    to: "if (false) return { next: makeCurrent",
  },
  {
    name: "strict: answers outstanding at the switch are not waited for",
    from: "(handOut !== undefined && isNear(now, handOut.lastAt, zone));",
    to: "false;",
  },
  {
    name: "strict: a token handed out again right before the switch is not waited for",
    from: "return isHandedOutAgain(record, now, policy) || (handOut",
    to: "return (handOut",
  },
  {
    name: "strict: soft zone and lost answers forgiven",
    from: 'if (facts.policy.rotation === "strict") return reuse(facts);',
    to: "",
  },
  {
    name: "strict: a newer token without descent is only invalid",
    from: 'if (policy.rotation === "strict") return reuse(facts);\n  return { outcome: "invalid" };',
    to: 'return { outcome: "invalid" };',
  },
  {
    name: "a revoked session goes on",
    from: 'if (record.ended !== undefined) return { outcome: "over", code: "session_revoked" };',
    to: "",
  },
  {
    name: "an expired session goes on",
    from: 'if (isPastEnd(record, now)) return { outcome: "over", code: "session_expired" };',
    to: "",
  },
  {
    name: "the absolute end a millisecond late",
    from: "now >= record.expiresAt * 1000",
    to: "now > record.expiresAt * 1000",
  },
  {
    name: "the hash of the current token not compared",
    from: "generation === record.generation && sameBytes(facts.ownHash, record.currentHash)",
    to: "generation === record.generation",
  },
  {
    name: "the version does not rise",
    from: "version: facts.record.version + 1, handOut: burst",
    to: "handOut: burst",
  },
];

/** Plants one mutation in a copy of core and its tests; true when a test failed. */
async function isCaught(source: string, mutation: Mutation): Promise<boolean> {
  if (source.split(mutation.from).length !== 2) throw new Error(`not found exactly once: ${mutation.name}`);
  const folder = await mkdtemp(join(tmpdir(), "pawl-mutation-"));
  try {
    await cp(join(root, "src/core"), join(folder, "src/core"), { recursive: true });
    await cp(join(root, "test/core"), join(folder, "test/core"), { recursive: true });
    await cp(join(root, "package.json"), join(folder, "package.json"));
    await symlink(join(root, "node_modules"), join(folder, "node_modules"));
    await writeFile(
      join(folder, "src/core/decide.ts"),
      source.replace(mutation.from, () => mutation.to),
    );
    const tests = ["decide", "rules.property"].map((name) => join(folder, `test/core/${name}.test.ts`));
    await run(process.execPath, ["--test", "--test-isolation=none", ...tests], { cwd: folder });
    return false;
  } catch (error) {
    // Only a failed test counts: a mutation that does not even load proves nothing.
    const output = String((error as { stdout?: string }).stdout ?? "");
    if (!/^ℹ tests \d{2,}/m.test(output)) throw error;
    return true;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

const source = await readFile(join(root, "src/core/decide.ts"), "utf8");
const control = { name: "control", from: "export function decide(", to: "export function decide(" };
if (await isCaught(source, control)) throw new Error("the tests fail without any mutation");
const survivors: string[] = [];
const queue = [...mutations];
await Promise.all(
  Array.from({ length: parallel }, async () => {
    for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
      if (!(await isCaught(source, next))) survivors.push(next.name);
    }
  }),
);
for (const name of survivors) console.error(`survived: ${name}`);
console.log(
  `${mutations.length - survivors.length} of ${mutations.length} mutations of the rotation rules were caught`,
);
process.exitCode = survivors.length === 0 ? 0 : 1;
