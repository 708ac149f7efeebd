// The certificate of the hosts under test: self-signed, made when the first test of a process needs it, gone with the
// process. Written in DER by hand (X.690, RFC 5280 section 4.1), because thirty lines are less than a package for it.

import { createHash, createPrivateKey, generateKeyPairSync, randomBytes, sign } from "node:crypto";

/** Key and certificate of a TLS server. */
export interface Certificate {
  readonly key: string;
  readonly cert: string;
  /** Base64 of SHA-256 over the public key, as Chromium's `--ignore-certificate-errors-spki-list` wants it. */
  readonly publicKeyHash: string;
}

const millisecondsPerDay = 86_400_000;
const validDays = 30;

/** Makes a certificate for `hosts` (ECDSA on P-256 with SHA-256). */
export function createCertificate(hosts: readonly string[]): Certificate {
  const pair = generateKeyPairSync("ec", {
    namedCurve: "prime256v1",
    publicKeyEncoding: { type: "spki", format: "der" },
    privateKeyEncoding: { type: "pkcs8", format: "pem" },
  });
  const body = tbsCertificate(hosts, pair.publicKey);
  const signature = sign("sha256", body, createPrivateKey(pair.privateKey));
  const certificate = sequence(body, ecdsaWithSha256, der(0x03, Buffer.of(0), signature));
  return {
    key: pair.privateKey,
    cert: `-----BEGIN CERTIFICATE-----\n${certificate.toString("base64")}\n-----END CERTIFICATE-----\n`,
    publicKeyHash: createHash("sha256").update(pair.publicKey).digest("base64"),
  };
}

let ofProcess: Certificate | undefined;

/** The one certificate of this process: the browsers are told about it before they meet a host. */
export function testCertificate(): Certificate {
  ofProcess ??= createCertificate(["localhost", "app.test", "*.app.test", "evil.test"]);
  return ofProcess;
}

/** One DER element; lengths here never need more than two bytes. */
function der(tag: number, ...contents: readonly Buffer[]): Buffer {
  const content = Buffer.concat(contents);
  const { length } = content;
  const head = length < 0x80 ? [length] : length < 0x100 ? [0x81, length] : [0x82, length >> 8, length & 0xff];
  return Buffer.concat([Buffer.of(tag, ...head), content]);
}

function sequence(...contents: readonly Buffer[]): Buffer {
  return der(0x30, ...contents);
}

const object = (hex: string): Buffer => der(0x06, Buffer.from(hex, "hex"));
const ecdsaWithSha256 = sequence(object("2a8648ce3d040302"));
const commonName = object("550403");
const subjectAlternativeName = object("551d11");

function tbsCertificate(hosts: readonly string[], publicKey: Buffer): Buffer {
  const name = sequence(der(0x31, sequence(commonName, der(0x0c, Buffer.from(hosts[0] ?? "")))));
  const now = Date.now();
  const validity = sequence(
    generalizedTime(now - millisecondsPerDay),
    generalizedTime(now + validDays * millisecondsPerDay),
  );
  const names = sequence(...hosts.map((host) => der(0x82, Buffer.from(host))));
  const extensions = der(0xa3, sequence(sequence(subjectAlternativeName, der(0x04, names))));
  const version3 = der(0xa0, der(0x02, Buffer.of(2)));
  // A first byte of 1 keeps the serial number positive.
  const serial = der(0x02, Buffer.of(1), randomBytes(15));
  return sequence(version3, serial, ecdsaWithSha256, name, validity, name, publicKey, extensions);
}

function generalizedTime(milliseconds: number): Buffer {
  const digits = new Date(milliseconds).toISOString().replace(/[-:T]/g, "").slice(0, 14);
  return der(0x18, Buffer.from(`${digits}Z`));
}
