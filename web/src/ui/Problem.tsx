/** An error in the place of what failed: what, to which thing, what to do, and the id to quote. */
import { passes, type ApiError } from "../live/errors";

export function Problem({ of, problem, again }: { of: string; problem: ApiError; again(): void }) {
  const passing = passes(problem);
  return (
    <div className="problem" role="status" data-passing={passing}>
      <p>
        <strong>{problem.code === "FORBIDDEN" ? "You may not see this." : `${of} cannot be followed right now.`}</strong> {problem.message}
        {problem.reference === null ? null : <span className="mono"> {problem.reference}</span>}
      </p>
      <button type="button" className="button" onClick={again}>
        Try again
      </button>
    </div>
  );
}
