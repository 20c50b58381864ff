/** Events wait here and are applied together, once a frame; once a second in a hidden tab, which gets no frames. */

export type Schedule = (flush: () => void) => void;

const HIDDEN_TAB_MS = 1_000;

export function onNextFrame(flush: () => void): void {
  if (document.visibilityState === "hidden") setTimeout(flush, HIDDEN_TAB_MS);
  else requestAnimationFrame(flush);
}

export class FrameQueue<Item> {
  readonly #apply: (items: readonly Item[]) => void;
  readonly #schedule: Schedule;
  #items: Item[] = [];

  constructor(apply: (items: readonly Item[]) => void, schedule: Schedule = onNextFrame) {
    this.#apply = apply;
    this.#schedule = schedule;
  }

  push(item: Item): void {
    this.#items.push(item);
    if (this.#items.length === 1) this.#schedule(() => this.#flush());
  }

  #flush(): void {
    const items = this.#items;
    this.#items = [];
    this.#apply(items);
  }
}
