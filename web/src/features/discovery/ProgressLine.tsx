/** How far, how fast, how long still; a total that is not known yet is not made up. */
import type { ProgressBarFragment } from "../../gen/documents";
import { count, duration, rate } from "../../ui/words";

export function ProgressLine({ progress }: { progress: ProgressBarFragment }) {
  const share = shareOf(progress);
  return (
    <div className="progress">
      <div
        className="bar"
        role="progressbar"
        aria-label="Progress"
        data-unknown={share === null}
        {...(share === null
          ? {}
          : { "aria-valuenow": Math.round(share * 100), "aria-valuemin": 0, "aria-valuemax": 100 })}
      >
        <span style={share === null ? undefined : { width: `${share * 100}%` }} />
      </div>
      <p>{progressWords(progress)}</p>
    </div>
  );
}

export function shareOf({ done, total }: ProgressBarFragment): number | null {
  if (total === null || Number(total) <= 0) return null;
  return Math.min(1, Number(done) / Number(total));
}

/** `31,204 of 48,000 columns · 2,600 columns/s · 6 s left`. */
export function progressWords(progress: ProgressBarFragment): string {
  const { unit, ratePerSecond, etaSeconds, message } = progress;
  const fast = ratePerSecond === null ? null : `${rate(ratePerSecond)} ${unit}/s`;
  const still =
    etaSeconds === null ? null : `~${duration(Math.max(etaSeconds, 1) * 1000)} left`;
  return [howFar(progress), fast, still, message].filter((part) => part !== null && part !== "").join(" · ");
}

export function howFar({ done, total, unit }: ProgressBarFragment): string {
  if (total === null && Number(done) === 0) return "Nothing yet";
  return total === null ? `${count(done)} ${unit}` : `${count(done)} of ${count(total)} ${unit}`;
}
