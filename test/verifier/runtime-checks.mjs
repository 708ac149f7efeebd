// What the verifier does with real tokens, run under each runtime by runtimes.test.ts. Plain JavaScript on what every runtime has:
// no module of Node, no console. Owns the list of checks; the runtimes differ only in how it is called.

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
