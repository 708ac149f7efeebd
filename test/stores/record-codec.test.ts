// The packed form of records: every legal record comes back exactly, anything else is a typed error.

import assert from "node:assert/strict";
import { it } from "node:test";
import { crc32 } from "node:zlib";
import fc from "fast-check";
import { PawlError } from "../../src/core/errors.ts";
import { sessionEnds } from "../../src/core/events.ts";
import type { SessionRecord } from "../../src/core/record.ts";
import { arrivals } from "../../src/core/record.ts";
import { unpackRecord } from "../../src/stores/record-codec.ts";
import type { PackedRecord } from "../../src/stores/record-layout.ts";
import { extendedRecordFormat, recordFormat, tracedRecordFormat } from "../../src/stores/record-layout.ts";
import { packRecord } from "../../src/stores/record-packing.ts";
import { createSamples } from "../../src/testing/session-samples.ts";

const milliseconds = fc.oneof(fc.maxSafeNat(), fc.constantFrom(0, 2 ** 48 - 1)).map((at) => at % 2 ** 48);
const seconds = fc.oneof(fc.maxSafeNat(), fc.constantFrom(0, 2 ** 40 - 1)).map((at) => at % 2 ** 40);
const generation = fc.oneof(fc.nat(), fc.constantFrom(0, 2 ** 32 - 1));
const keyId = fc.integer({ min: 0, max: 255 });
const count = fc.integer({ min: 0, max: 3 });
const bytes = (length: number): fc.Arbitrary<Uint8Array> =>
  fc.uint8Array({ minLength: length, maxLength: length }).map((each) => new Uint8Array(each));
const pieces = [
  "Mozilla/5.0 (",
  ".0.0.0 Safari/537.36",
  "pwd",
  " came back: generation ",
  "Mozilla",
  ".0.0.0",
  "203.0.113.7",
];
const text = fc.oneof(
  fc.string({ unit: "grapheme", maxLength: 60 }),
  fc.string({ unit: "binary", maxLength: 80 }),
  fc.array(fc.constantFrom(...pieces, "1", "\0", "\x7f", "é"), { maxLength: 9 }).map((parts) => parts.join("")),
  fc.array(fc.integer({ min: 0, max: 0xffff }), { maxLength: 40 }).map((units) => String.fromCharCode(...units)),
  fc.ipV4(),
  fc.ipV6(),
  fc.constantFrom("", "x".repeat(255), "☃".repeat(255), "\ud800".repeat(255), "01.2.3.4", "1.2.3.256", "1.2.3.4\n"),
);
const subject = fc
  .string({ unit: "grapheme", minLength: 1, maxLength: 40 })
  .filter((each) => !each.includes("\0") && each.length > 0);

/** What most records do not have. */
const additions = fc.record(
  { delegation: fc.record({ scope: text, audience: text }), claimsNotBefore: seconds, acr: text },
  { requiredKeys: [] },
);

const rest: fc.Arbitrary<SessionRecord> = fc.record({
  sid: bytes(16).map((each) => Buffer.from(each).toString("base64url")),
  subject,
  version: fc.maxSafeNat().map((version) => version + 1 - (version === Number.MAX_SAFE_INTEGER ? 1 : 0)),
  createdAt: milliseconds,
  expiresAt: seconds,
  lastSeenAt: milliseconds,
  authTime: seconds,
  amr: fc.array(text, { maxLength: 8 }),
  clientId: text,
  transport: fc.constantFrom("cookie", "body"),
  userAgent: text,
  ip: text,
  label: text,
  generation,
  currentHash: bytes(32),
  currentExpiresAt: seconds,
  currentKeyId: keyId,
  previousHash: bytes(32),
  olderHash: bytes(32),
  currentAgainAt: fc.option(milliseconds, { nil: undefined }),
  handOut: fc.option(
    fc.record({
      count,
      firstAt: milliseconds,
      lastAt: milliseconds,
      expiresAt: seconds,
      keyId,
      crowdedBursts: count,
      arrived: fc.constantFrom(...arrivals),
    }),
    { nil: undefined },
  ),
  serverAttempt: fc.option(
    fc.record({
      value: bytes(16),
      firstUsedAt: milliseconds,
      generation,
      isShared: fc.boolean(),
      sharedBefore: count,
    }),
    { nil: undefined },
  ),
  retiredAt: fc.array(milliseconds, { maxLength: 16 }),
  ended: fc.option(fc.record({ at: milliseconds, reason: fc.constantFrom(...sessionEnds) }), { nil: undefined }),
  history: fc.array(fc.record({ at: milliseconds, type: text, detail: text }), { maxLength: 8 }),
});

/** Every legal record. */
const legal: fc.Arbitrary<SessionRecord> = fc
  .tuple(rest, fc.oneof(fc.constant({}), additions))
  .map(([record, more]) => ({ ...record, ...more }));

function pack(record: SessionRecord): PackedRecord {
  const { sid, subject, version } = record;
  return { sid, subject, version, data: packRecord(record) };
}

/** Asserts that the bytes are refused with the code for them. */
function assertRefused(packed: PackedRecord, what: string): void {
  assert.throws(() => unpackRecord(packed), { name: "PawlError", code: "store_incompatible" }, what);
}

it("packs and unpacks every legal record to the same value", () => {
  fc.assert(
    fc.property(legal, (record) => {
      // fast-check makes records without a prototype.
      assert.deepEqual(unpackRecord(pack(record)), { ...structuredClone(record) });
    }),
    { numRuns: 1500 },
  );
});

it("packs the largest record there can be", () => {
  const largest = "\ud800".repeat(255);
  const snowmen = "☃".repeat(255);
  for (const longest of [largest, snowmen, "\x7f".repeat(255)]) {
    const record: SessionRecord = {
      ...createSamples().full(),
      amr: new Array(8).fill(longest),
      clientId: longest,
      userAgent: longest,
      ip: longest,
      label: longest,
      createdAt: 2 ** 48 - 1,
      lastSeenAt: 0,
      retiredAt: Array.from({ length: 16 }, (_, index) => (index % 2 === 0 ? 2 ** 48 - 1 : 0)),
      history: new Array(8).fill({ at: 2 ** 48 - 1, type: longest, detail: longest }),
    };
    assert.deepEqual(unpackRecord(pack(record)), record);
  }
});

it("keeps the size of a row over the first refreshes, and changes it seldom later", () => {
  const samples = createSamples();
  let record = samples.record();
  const sizes = Array.from({ length: 40 }, () => {
    const { length } = packRecord(record);
    record = samples.refreshed(record);
    return length;
  });
  assert.deepEqual([...new Set(sizes.slice(0, 4))], [160]);
  assert.ok(new Set(sizes).size <= 7, `${new Set(sizes).size} sizes`);
  assert.ok(Math.max(...sizes) <= 216, `${Math.max(...sizes)} bytes`);
});

it("shares no memory with the bytes it was read from", () => {
  const packed = pack(createSamples().full());
  const record = unpackRecord(packed);
  const copy = structuredClone(record);
  packed.data.fill(0);
  assert.deepEqual(record, copy);
});

it("refuses bytes that were cut short or lengthened, wherever", () => {
  const packed = pack(createSamples().full());
  for (let length = 0; length < packed.data.length; length += 1) {
    assertRefused({ ...packed, data: packed.data.subarray(0, length) }, `cut at ${length}`);
  }
  assertRefused({ ...packed, data: Buffer.concat([packed.data, Buffer.alloc(1)]) }, "one byte more");
  assertRefused({ ...packed, data: Buffer.alloc(1_000_000, 1) }, "far too long");
});

it("refuses bytes with any one bit flipped", () => {
  const packed = pack(createSamples().full());
  for (let bit = 0; bit < packed.data.length * 8; bit += 1) {
    const data = Buffer.from(packed.data);
    data[bit >> 3] = (data[bit >> 3] as number) ^ (1 << (bit & 7));
    assertRefused({ ...packed, data }, `bit ${bit}`);
  }
});

it("refuses the bytes of another row and names an unknown format", () => {
  const samples = createSamples();
  const packed = pack(samples.record());
  assertRefused({ ...packed, sid: samples.record().sid }, "another id");
  assertRefused({ ...packed, sid: "nonsense" }, "no id");
  const data = Buffer.from(packed.data);
  data[0] = 4;
  assert.throws(() => unpackRecord({ ...packed, data }), /format is 4, this version of Pawl reads formats 1, 2, 3/);
});

it("keeps the first format, and its size, for a record without traces of concurrent use", () => {
  const samples = createSamples();
  const plain = samples.refreshed(samples.record());
  const traced = { ...plain, currentAgainAt: plain.lastSeenAt };
  assert.equal(packRecord(plain)[0], recordFormat);
  assert.equal(packRecord(traced)[0], tracedRecordFormat);
  assert.deepEqual(unpackRecord(pack(traced)), traced);
  const held = { ...plain, clientId: "app", delegation: { scope: "read write", audience: "" } };
  assert.equal(packRecord(held)[0], extendedRecordFormat);
  assert.ok(packRecord(held).length <= packRecord(plain).length + 16, "a client costs few bytes");
});

it("refuses what packing never makes, even when the checksum is right", () => {
  const mend = (packed: PackedRecord, data: Buffer): PackedRecord => {
    data.writeUInt32LE(checksumOf(data, packed.sid), 1);
    return { ...packed, data };
  };
  const padded = pack(createSamples().record());
  const trailing = Buffer.from(padded.data);
  trailing[trailing.length - 1] = 1;
  assert.throws(() => unpackRecord(mend(padded, trailing)), /something follows its end/);
  // A text of sixty pieces, each many characters long.
  const ones = pack(createSamples().record({ userAgent: "1".repeat(60) }));
  const data = Buffer.from(ones.data);
  data.fill(0x8d, data.indexOf("1".repeat(60)), data.indexOf("1".repeat(60)) + 60);
  assert.throws(() => unpackRecord(mend(ones, data)), /a text is too long/);
});

it("never fails in another way, even when the checksum is right", () => {
  const packed = pack(createSamples().full());
  const mend = (data: Buffer): PackedRecord => {
    // The checksum of the format: everything after it, seeded with the id.
    const probe = unpackError({ ...packed, data });
    assert.ok(probe === undefined || probe.includes("checksum"), probe);
    data.writeUInt32LE(checksumOf(data, packed.sid), 1);
    return { ...packed, data };
  };
  fc.assert(
    fc.property(fc.nat(packed.data.length - 6), fc.uint8Array({ minLength: 1, maxLength: 12 }), (offset, noise) => {
      const data = Buffer.from(packed.data);
      data.set(noise.subarray(0, data.length - offset - 5), offset + 5);
      const mended = mend(data);
      const found = unpackError(mended);
      // What is accepted is a record again: it can be packed.
      if (found === undefined) packRecord(unpackRecord(mended));
    }),
    { numRuns: 3000 },
  );
  fc.assert(
    fc.property(fc.constantFrom(1, 2, 3), fc.uint8Array({ minLength: 1, maxLength: 300 }), (format, noise) => {
      const data = Buffer.concat([Buffer.from([format, 0, 0, 0, 0]), noise]);
      unpackError(mend(data));
    }),
    { numRuns: 2000 },
  );
});

/** The message of the refusal, `undefined` when the bytes are accepted; anything but a typed error fails the test. */
function unpackError(packed: PackedRecord): string | undefined {
  try {
    unpackRecord(packed);
    return undefined;
  } catch (error) {
    assert.ok(error instanceof PawlError, String(error));
    assert.equal(error.code, "store_incompatible");
    return error.detail;
  }
}

function checksumOf(data: Buffer, sid: string): number {
  return crc32(data.subarray(5), crc32(Buffer.from(sid, "base64url")));
}
