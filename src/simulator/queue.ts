// The events of one simulated story in the order of time; equal instants keep the order in which they were added.
// A binary heap. Owns the order and nothing else.

/** Something that happens at an instant (milliseconds). */
export interface Event<Task> {
  readonly at: number;
  readonly order: number;
  readonly task: Task;
}

/** Takes tasks for later, gives them back in order. */
export class EventQueue<Task> {
  readonly #heap: Event<Task>[] = [];
  #added = 0;

  add(at: number, task: Task): void {
    const heap = this.#heap;
    heap.push({ at, order: this.#added, task });
    this.#added += 1;
    for (let index = heap.length - 1; index > 0; ) {
      const parent = (index - 1) >> 1;
      if (!this.#isBefore(index, parent)) return;
      this.#swap(index, parent);
      index = parent;
    }
  }

  /** The next event, which stays. */
  peek(): Event<Task> | undefined {
    return this.#heap[0];
  }

  /** The next event, which is removed. */
  take(): Event<Task> | undefined {
    const heap = this.#heap;
    const first = heap[0];
    const last = heap.pop();
    if (first === undefined || last === undefined || heap.length === 0) return first;
    heap[0] = last;
    for (let index = 0; ; ) {
      let least = index;
      for (const child of [2 * index + 1, 2 * index + 2]) {
        if (child < heap.length && this.#isBefore(child, least)) least = child;
      }
      if (least === index) return first;
      this.#swap(index, least);
      index = least;
    }
  }

  #isBefore(one: number, other: number): boolean {
    const a = this.#heap[one] as Event<Task>;
    const b = this.#heap[other] as Event<Task>;
    return a.at < b.at || (a.at === b.at && a.order < b.order);
  }

  #swap(one: number, other: number): void {
    const kept = this.#heap[one] as Event<Task>;
    this.#heap[one] = this.#heap[other] as Event<Task>;
    this.#heap[other] = kept;
  }
}
