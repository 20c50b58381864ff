/** A pane with the examples: each opens in a tab of its own, also after its first tab was closed or changed. */
import { useGraphiQL, useGraphiQLActions, type GraphiQLPlugin } from "@graphiql/react";
import { BookOpenText } from "lucide-react";
import { useEffect, useState } from "react";
import type { Example } from "./exampleText";
import { useExamples } from "./useExamples";

/** As in graphiql.css: a pane covers the editors. */
const NARROW = "(max-width: 700px)";

function useOpenExample(): (example: Example) => void {
  const { addTab, changeTab, setVisiblePlugin } = useGraphiQLActions();
  const tabs = useGraphiQL((state) => state.tabs);
  const queryEditor = useGraphiQL((state) => state.queryEditor);
  const variableEditor = useGraphiQL((state) => state.variableEditor);
  return ({ query, variables }) => {
    if (window.matchMedia(NARROW).matches) setVisiblePlugin(null);
    const open = tabs.findIndex((tab) => tab.query === query);
    if (open >= 0) return changeTab(open);
    addTab();
    queryEditor?.setValue(query);
    variableEditor?.setValue(variables);
  };
}

function Examples() {
  const open = useOpenExample();
  const examples = useExamples();
  return (
    <section className="examples" aria-label="Examples">
      <div className="graphiql-doc-explorer-title">Examples</div>
      <ul>
        {examples.map((example) => (
          <li key={example.slug}>
            <button type="button" onClick={() => open(example)}>
              <strong>{example.title}</strong>
              <span>{example.explanation}</span>
            </button>
          </li>
        ))}
      </ul>
    </section>
  );
}

export const examplesPlugin: GraphiQLPlugin = {
  title: "Examples",
  icon: () => <BookOpenText aria-hidden="true" strokeWidth={1.6} />,
  content: Examples,
};

/** `/graphiql#02-connect-postgresql` opens that example. */
export function LinkedExample() {
  const ready = useGraphiQL((state) => state.queryEditor !== undefined && state.variableEditor !== undefined);
  const open = useOpenExample();
  const examples = useExamples();
  const [address, setAddress] = useState(window.location.hash);
  useEffect(() => {
    const follow = (): void => setAddress(window.location.hash);
    window.addEventListener("hashchange", follow);
    return () => window.removeEventListener("hashchange", follow);
  }, []);
  useEffect(() => {
    const wanted = examples.find(({ slug }) => slug === address.slice(1));
    if (!ready || wanted === undefined) return;
    window.history.replaceState(null, "", window.location.pathname);
    setAddress("");
    open(wanted);
  }, [ready, address, open, examples]);
  return null;
}
