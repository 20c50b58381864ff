/** Why the list is empty, and the next step. */
import example from "../../../../docs/examples/02-connect-postgresql.graphql?raw";
import variables from "../../../../docs/examples/02-connect-postgresql.json?raw";
import { withoutComments } from "../graphiql";

export function NoSources() {
  return (
    <div className="empty">
      <h3>No sources yet.</h3>
      <p>
        Connect one with the mutation below: its first discovery shows here as it goes. Or start DataWave
        without <code>DEMO=0</code>, and it brings a demo to look at.
      </p>
      <a className="button" data-kind="primary" href="/graphiql#02-connect-postgresql">
        Connect one in GraphiQL
      </a>
      <div className="side-by-side">
        <Code label="The mutation" text={withoutComments(example)} />
        <Code label="Its variables" text={variables.trim()} />
      </div>
    </div>
  );
}

/** It may scroll, so it must be reachable by the keyboard. */
function Code({ label, text }: { label: string; text: string }) {
  return (
    <pre className="code" tabIndex={0} aria-label={label}>
      <code>{text}</code>
    </pre>
  );
}
