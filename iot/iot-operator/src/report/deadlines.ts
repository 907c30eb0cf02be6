// Which of many keys are due, the earliest first: a heap, so that putting off one of 100,000
// deadlines costs nothing that grows with the others. A deadline that is put off stays where it is
// in the heap, and is moved when its turn comes.

interface Item<Key> {
  readonly key: Key;
  readonly atMs: number;
}

export class Deadlines<Key> {
  /** When each key is due, and its earliest place in the heap. */
  readonly #due = new Map<Key, { atMs: number; queuedMs: number }>();
  readonly #heap: Item<Key>[] = [];

  set(key: Key, atMs: number): void {
    const known = this.#due.get(key);
    if (known !== undefined && known.queuedMs <= atMs) {
      known.atMs = atMs;
      return;
    }
    this.#due.set(key, { atMs, queuedMs: atMs });
    this.#push({ key, atMs });
  }

  delete(key: Key): void {
    this.#due.delete(key);
  }

  /** Those whose time has passed. They are forgotten. */
  takeDue(nowMs: number): Key[] {
    const taken: Key[] = [];
    for (let first = this.#heap[0]; first !== undefined && first.atMs < nowMs; first = this.#heap[0]) {
      this.#pop();
      const due = this.#due.get(first.key);
      // It was deleted, or stands further up.
      if (due?.queuedMs !== first.atMs) continue;
      if (due.atMs < nowMs) {
        this.#due.delete(first.key);
        taken.push(first.key);
      } else {
        due.queuedMs = due.atMs;
        this.#push({ key: first.key, atMs: due.atMs });
      }
    }
    return taken;
  }

  #push(item: Item<Key>): void {
    const heap = this.#heap;
    let at = heap.length;
    heap.push(item);
    while (at > 0) {
      const above = (at - 1) >> 1;
      const parent = heap[above];
      if (parent === undefined || parent.atMs <= item.atMs) break;
      heap[at] = parent;
      at = above;
    }
    heap[at] = item;
  }

  #pop(): void {
    const heap = this.#heap;
    const last = heap.pop();
    if (last === undefined || heap.length === 0) return;
    let at = 0;
    for (;;) {
      const [left, right] = [heap[2 * at + 1], heap[2 * at + 2]];
      if (left === undefined) break;
      const [below, child] = right !== undefined && right.atMs < left.atMs ? [2 * at + 2, right] : [2 * at + 1, left];
      if (child.atMs >= last.atMs) break;
      heap[at] = child;
      at = below;
    }
    heap[at] = last;
  }
}
