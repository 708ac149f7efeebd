// User agents as servers meet them: browsers on desktop and mobile in changing versions, apps, command lines, and some
// odd ones. Made up from their public patterns; chosen without a look at what the stores compress well.

const chromeMajors = [138, 139, 140, 141, 142, 143, 144];
const phones = ["SM-S918B", "Pixel 8 Pro", "M2101K6G", "CPH2581", "SM-A546E", "moto g54 5G", "22101316G"];

function pick<Value>(from: readonly Value[], index: number): Value {
  return from[index % from.length] as Value;
}

const patterns: readonly ((index: number) => string)[] = [
  (i) =>
    `Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/${pick(chromeMajors, i)}.0.0.0 Safari/537.36`,
  (i) =>
    `Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/${pick(chromeMajors, i)}.0.0.0 Mobile Safari/537.36`,
  (i) =>
    `Mozilla/5.0 (iPhone; CPU iPhone OS 18_${i % 7} like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.${i % 7} Mobile/15E148 Safari/604.1`,
  (i) =>
    `Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/${pick(chromeMajors, i)}.0.0.0 Safari/537.36`,
  (i) =>
    `Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/${pick(chromeMajors, i)}.0.0.0 Safari/537.36 Edg/${pick(chromeMajors, i)}.0.${3000 + (i % 700)}.${i % 120}`,
  (i) =>
    `Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/${17 + (i % 2)}.${i % 6} Safari/605.1.15`,
  (i) => `Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:${130 + (i % 14)}.0) Gecko/20100101 Firefox/${130 + (i % 14)}.0`,
  (i) => `Mozilla/5.0 (X11; Linux x86_64; rv:${128 + (i % 3)}.0) Gecko/20100101 Firefox/${128 + (i % 3)}.0`,
  (i) =>
    `Mozilla/5.0 (Linux; Android ${12 + (i % 4)}; ${pick(phones, i)}) AppleWebKit/537.36 (KHTML, like Gecko) SamsungBrowser/2${i % 9}.0 Chrome/${pick(chromeMajors, i)}.0.0.0 Mobile Safari/537.36`,
  (i) =>
    `Mozilla/5.0 (Linux; Android ${11 + (i % 5)}; ${pick(phones, i)} Build/UP1A.2310${i % 10}5.00${i % 4}; wv) AppleWebKit/537.36 (KHTML, like Gecko) Version/4.0 Chrome/${pick(chromeMajors, i)}.0.${6000 + (i % 900)}.${i % 200} Mobile Safari/537.36`,
  (i) =>
    `Mozilla/5.0 (iPad; CPU OS 17_${i % 6} like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) CriOS/${pick(chromeMajors, i)}.0.${6000 + (i % 900)}.${i % 200} Mobile/15E148 Safari/604.1`,
  (i) =>
    `AcmeNotes/5.${i % 30}.${i % 10} (com.acme.notes; build:${4000 + (i % 500)}; iOS 18.${i % 7}.0) Alamofire/5.9.1`,
  (i) => `okhttp/4.${9 + (i % 4)}.${i % 3}`,
  (i) => `acme-cli/2.${i % 40}.0 (linux; x64) node/24.${i % 12}.0`,
];

/** The user agent of client `index`; desktop and mobile browsers come up more often than the rest. */
export function agentOf(index: number): string {
  // The first four patterns get half of all clients.
  const pattern = index % 2 === 0 ? patterns[(index >> 1) % 4] : patterns[(index >> 1) % patterns.length];
  return (pattern as (index: number) => string)(Math.floor(index / 3));
}
