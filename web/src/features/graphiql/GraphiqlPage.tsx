/** GraphiQL with the page's session, the docs' examples as its first tabs, and streams over the WebSocket. */
import { explorerPlugin } from "@graphiql/plugin-explorer";
import { GraphiQL } from "graphiql";
import { useSyncExternalStore } from "react";
import { Logo } from "../../ui/Logo";
import { theme } from "../../ui/theme";
import { Gate } from "../identity";
import { EXAMPLES } from "./examples";
import { examplesPlugin, LinkedExample } from "./ExamplesPlugin";
import { createFetcher } from "./fetcher";
import "./graphiql.css";

const fetcher = createFetcher();
const plugins = [examplesPlugin, explorerPlugin()];
const defaultTabs = EXAMPLES.map(({ query, variables }) => ({ query, variables }));

export function GraphiqlPage() {
  const chosen = useSyncExternalStore(theme.watch, theme.get);
  const forced = chosen === "system" ? {} : { forcedTheme: chosen };
  return (
    <main className="graphiql-page">
      <h1 className="visually-hidden">GraphiQL</h1>
      <Gate meanwhile={null}>
        <GraphiQL
          fetcher={fetcher}
          plugins={plugins}
          defaultTabs={defaultTabs}
          defaultEditorToolsVisibility="variables"
          {...forced}
        >
          <GraphiQL.Logo>
            <a className="brand" href="/" title="To the live page">
              <Logo /> DataWave
            </a>
          </GraphiQL.Logo>
          <GraphiQL.Toolbar>
            {({ prettify, merge, copy }) => (
              <>
                {prettify}
                {merge}
                {copy}
                <LinkedExample />
              </>
            )}
          </GraphiQL.Toolbar>
        </GraphiQL>
      </Gate>
    </main>
  );
}
