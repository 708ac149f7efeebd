// From the DER form of an ECDSA signature, which OpenSSL makes, to the fixed 64 bytes that JOSE wants (RFC 7518 section
// 3.4), as lean as possible: for the bare contestant, which must not depend on the program it is the yardstick of.

/** r ‖ s (64 bytes) of a DER-encoded ECDSA signature over P-256. */
export function derToJose(der: Uint8Array): Buffer {
  const out = Buffer.alloc(64);
  // SEQUENCE and its length are one byte each: a P-256 signature never exceeds 72 bytes.
  let at = 2;
  for (const end of [32, 64]) {
    const length = der[at + 1] as number;
    const from = at + 2;
    // A leading zero only says that the number is positive.
    const skip = length > 32 ? length - 32 : 0;
    out.set(der.subarray(from + skip, from + length), end - (length - skip));
    at = from + length;
  }
  return out;
}
