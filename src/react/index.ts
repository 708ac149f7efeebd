// `pawl/react`: the session of a `pawl/client` in React 18 and newer. Owns no behaviour: a provider and two hooks from the
// files beside it. Takes the client as it is given one; of `pawl/client` only types are imported, so that neither brings
// the other into a bundle.

export { type Devices, useDevices } from "./devices.ts";
export { type CurrentSession, SessionProvider, type SessionProviderProps, useSession } from "./session.ts";
