// The entry point `pawl/testing`: suites for your own store or adapter, stores that fail on purpose, and a simulated
// clock and entropy.
// Owns the list of what is public. The suites run under node:test; importing them runs nothing.

export type { Difference, DifferentialLevel, DifferentialOptions } from "./differential-suite.ts";
export { compareWithMemory, differentialSuite } from "./differential-suite.ts";
export type { FailoverStore } from "./failover-store.ts";
export { createFailoverStore } from "./failover-store.ts";
export type { FaultyStore, StoreCall, StoreFault, StoreMethod, StoreScript } from "./faulty-store.ts";
export { createFaultyStore, storeMethods } from "./faulty-store.ts";
export type { SuiteOptions, SuiteRequest, SuiteSubject, SuiteTarget } from "./http-suite.ts";
export { httpSuite, sendOverHttp } from "./http-suite.ts";
export type { Random } from "./random.ts";
export { createRandom } from "./random.ts";
export { sessionSuite } from "./session-suite.ts";
export type { SimulatedClock, SimulatedOptions, SimulatedPlatform } from "./simulated.ts";
export { createSimulatedPlatform } from "./simulated.ts";
export type { StoreUnderTest } from "./store-suite.ts";
export { storeSuite } from "./store-suite.ts";
