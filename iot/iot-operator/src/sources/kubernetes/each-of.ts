// Runs a deed on each item, a few at once, in order.

export async function eachOf<T>(items: readonly T[], concurrency: number, deed: (item: T) => Promise<void>): Promise<void> {
  const queue = items.values();
  const worker = async (): Promise<void> => {
    for (const item of queue) await deed(item);
  };
  await Promise.all(Array.from({ length: Math.min(concurrency, items.length) }, worker));
}
