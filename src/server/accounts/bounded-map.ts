// A map with a bound: the entry that was used longest ago makes room for a new one.
// Owns the eviction only; knows nothing of time.

/** A map of at most `entriesMax` entries. */
export interface BoundedMap<Value> {
  readonly size: number;
  /** The value, which thereby becomes the most recently used one. */
  get(key: string): Value | undefined;
  set(key: string, value: Value): void;
  delete(key: string): void;
}

/** Creates a map that forgets its least recently used entry rather than grow beyond `entriesMax`. */
export function createBoundedMap<Value>(entriesMax: number): BoundedMap<Value> {
  // A Map iterates in order of insertion: re-inserting at each use keeps the least recently used entry first.
  const entries = new Map<string, Value>();
  return {
    get size() {
      return entries.size;
    },
    get(key) {
      const value = entries.get(key);
      if (value !== undefined) {
        entries.delete(key);
        entries.set(key, value);
      }
      return value;
    },
    set(key, value) {
      entries.delete(key);
      entries.set(key, value);
      if (entries.size <= entriesMax) return;
      const oldest = entries.keys().next();
      if (!oldest.done) entries.delete(oldest.value);
    },
    delete(key) {
      entries.delete(key);
    },
  };
}
