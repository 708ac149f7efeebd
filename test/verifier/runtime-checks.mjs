// What the verifier does with real tokens and with the vectors of others, run under each runtime by runtimes.test.ts. Plain JavaScript on what every runtime has:
// no module of Node, no console. Owns the list of checks; the runtimes differ only in how it is called.

const sizes = ["256", "384", "512"];
const algorithms = [...["ES", "RS", "PS", "HS"].flatMap((family) => sizes.map((size) => family + size)), "EdDSA"];

/**
 * @param pawl the module `pawl/verifier`
 * @param suites the groups of test/vectors/wycheproof-jws.json by suite
 * @returns the numbers of the cases that are accepted, by suite; a refusal of another kind as text
 */
export async function acceptedVectors({ verifyJws }, suites) {
  const accepted = {};
  for (const [suite, groups] of Object.entries(suites)) {
    accepted[suite] = [];
    for (const { key, tests } of groups) {
      for (const { tcId, jws } of tests) {
        const verdict = await verifyJws(jws, key, { algorithms }).then(
          () => tcId,
          ({ code, message }) => (code === "invalid_token" ? undefined : `${tcId}: ${message}`),
        );
        if (verdict !== undefined) accepted[suite].push(verdict);
      }
    }
  }
  return accepted;
}

/**
 * @param pawl the module `pawl/verifier`
 * @param options issuer, audience, feedToken, and tokens: `good`, `signedOut`
 * @returns one word for each check
 */
export async function check(pawl, { issuer, audience, feedToken, good, signedOut, mode }) {
  const { createVerifier, fetchGuards, verifyJws } = pawl;
  const verifier = createVerifier({ issuer, audience, revocations: { token: feedToken, mode } });
  const verdict = (promise) =>
    promise.then(
      ({ sub }) => (typeof sub === "string" ? "good" : "strange"),
      ({ code }) => code ?? "strange",
    );
  const [head, payload, signature] = good.split(".");
  const other = signature.startsWith("A") ? "B" : "A";
  const request = (token) => new Request("http://api.test/", { headers: { authorization: `Bearer ${token}` } });
  const guard = fetchGuards(verifier).requireSession();
  const refusal = await guard(request("junk"));
  const { keys } = await (await fetch(`${issuer}/.well-known/jwks.json`)).json();
  const results = {
    good: await verdict(verifier.verify(good)),
    again: await verdict(verifier.verify(good)),
    changed: await verdict(verifier.verify(`${head}.${payload}.${other}${signature.slice(1)}`)),
    signedOut: await verdict(verifier.verify(signedOut)),
    otherAudience: await verdict(
      createVerifier({ issuer, audience: "https://other.example.com", revocations: false }).verify(good),
    ),
    admitted: (await guard(request(good))).iss === issuer ? "good" : "strange",
    refused: `${refusal.status} ${refusal.headers.get("www-authenticate")?.includes('error="invalid_token"')}`,
    jws: (await verifyJws(good, { keys }, { algorithms: ["ES256"] })).payload.length > 0 ? "good" : "strange",
  };
  verifier.close();
  return results;
}
