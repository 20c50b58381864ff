/** Time as `live/` sees it, so that tests need not wait. */

export interface Clock {
  now(): number;
  random(): number;
  /** Calls once, later; the answer takes it back. */
  after(milliseconds: number, call: () => void): () => void;
}

export const realClock: Clock = {
  now: () => Date.now(),
  random: () => Math.random(),
  after(milliseconds, call) {
    const timer = setTimeout(call, milliseconds);
    return () => clearTimeout(timer);
  },
};

const SHORTEST_MS = 500;
const LONGEST_MS = 15_000;

/** Doubles from half a second to 15 s; the jitter keeps a thousand tabs from coming back in one instant. */
export function backOff(attempt: number, clock: Clock): number {
  const whole = Math.min(LONGEST_MS, SHORTEST_MS * 2 ** Math.min(attempt, 10));
  return Math.round(whole * (0.5 + clock.random() / 2));
}
