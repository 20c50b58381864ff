/** Why the list is empty, and the next step. */
export function NoSources() {
  return (
    <div className="empty">
      <h3>No sources yet.</h3>
      <p>
        Connect one: a mutation is ready in GraphiQL, and the first discovery shows here as it goes. Or start
        DataWave without <code>DEMO=0</code>, and it brings a demo to look at.
      </p>
      <a className="button" data-kind="primary" href="/graphiql#02-connect-postgresql">
        Connect one in GraphiQL
      </a>
    </div>
  );
}
