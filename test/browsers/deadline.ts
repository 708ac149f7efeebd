// Waiting with an end: every promise of a browser gets one, so that a hung engine fails a test instead of hanging it.

/** Resolves as `promise` does, or rejects after `milliseconds` with what was waited for. */
export async function within<Value>(promise: Promise<Value>, milliseconds: number, what: string): Promise<Value> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error(`waited ${milliseconds} ms in vain: ${what}`)), milliseconds);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** Asks again and again for something that announces itself in no other way. */
export async function poll<Value>(
  ask: () => Promise<Value | undefined>,
  milliseconds: number,
  what: string,
): Promise<Value> {
  const givesUpAt = performance.now() + milliseconds;
  for (;;) {
    const value = await ask();
    if (value !== undefined) return value;
    if (performance.now() > givesUpAt) throw new Error(`waited ${milliseconds} ms in vain: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 15));
  }
}
