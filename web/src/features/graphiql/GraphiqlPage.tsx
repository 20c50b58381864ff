/** GraphiQL with the page's session, the docs' examples as its first tabs, and streams over the WebSocket. */
import { explorerPlugin } from "@graphiql/plugin-explorer";
import { useGraphiQL } from "@graphiql/react";
import { GraphiQL } from "graphiql";
import { useEffect, useSyncExternalStore } from "react";
import { Logo } from "../../ui/Logo";
import { theme } from "../../ui/theme";
import { ThemeButton } from "../../ui/ThemeButton";
import { Gate } from "../identity";
import { examplesPlugin, LinkedExample } from "./ExamplesPlugin";
import { createFetcher } from "./fetcher";
import { Examples, useExamplesForHere } from "./useExamples";
import "./graphiql.css";

const fetcher = createFetcher();
const plugins = [examplesPlugin, explorerPlugin()];

export function GraphiqlPage() {
  return (
    <main className="graphiql-page">
      <h1 className="visually-hidden">GraphiQL</h1>
      <Gate meanwhile={null}>
        <Editor />
      </Gate>
    </main>
  );
}

function Editor() {
  const chosen = useSyncExternalStore(theme.watch, theme.get);
  const examples = useExamplesForHere();
  if (examples === null) return null;
  return (
    <Examples value={examples}>
      <GraphiQL
        fetcher={fetcher}
        plugins={plugins}
        defaultTabs={examples.map(({ query, variables }) => ({ query, variables }))}
        defaultEditorToolsVisibility="variables"
        // One choice for both pages; GraphiQL's own would forget what the other page says.
        forcedTheme={chosen}
      >
        <GraphiQL.Logo>
          <ThemeButton />
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
              <LongLines />
            </>
          )}
        </GraphiQL.Toolbar>
      </GraphiQL>
    </Examples>
  );
}

/** What an example says stands in its first lines, which are longer than half a page is wide. */
function LongLines() {
  const editor = useGraphiQL((state) => state.queryEditor);
  useEffect(() => editor?.updateOptions({ wordWrap: "on" }), [editor]);
  return null;
}
