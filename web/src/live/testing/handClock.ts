/** A clock that moves by hand. */
import type { Clock } from "../time";

interface Timer {
  at: number;
  call(): void;
}

export class HandClock implements Clock {
  readonly #timers = new Set<Timer>();
  #now = 1_000_000;

  now = (): number => this.#now;
  random = (): number => 1;

  after(milliseconds: number, call: () => void): () => void {
    const timer = { at: this.#now + milliseconds, call };
    this.#timers.add(timer);
    return () => this.#timers.delete(timer);
  }

  /** How long until each timer, soonest first. */
  get waiting(): number[] {
    return [...this.#timers].map((timer) => timer.at - this.#now).sort((one, other) => one - other);
  }

  advance(milliseconds: number): void {
    const until = this.#now + milliseconds;
    for (;;) {
      const [due] = [...this.#timers]
        .filter((timer) => timer.at <= until)
        .sort((one, other) => one.at - other.at);
      if (due === undefined) break;
      this.#timers.delete(due);
      this.#now = Math.max(this.#now, due.at);
      due.call();
    }
    this.#now = until;
  }
}
