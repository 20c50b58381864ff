/** The examples as they can be run here. */
import { createContext, useContext, useEffect, useState } from "react";
import { FirstSourceDocument } from "../../gen/documents";
import { run } from "../../live/http";
import { aboutSource, type Example } from "./exampleText";
import { EXAMPLES } from "./examples";

export const Examples = createContext<readonly Example[]>(EXAMPLES);

export function useExamples(): readonly Example[] {
  return useContext(Examples);
}

/** Null for as long as it is not known whether there is a source to ask about. */
export function useExamplesForHere(): readonly Example[] | null {
  const [examples, setExamples] = useState<readonly Example[] | null>(null);
  useEffect(() => {
    run(FirstSourceDocument, {})
      .then(({ dataSources: { nodes } }) => nodes[0]?.id)
      // Whoever may read no source has the examples as they are written.
      .catch(() => undefined)
      .then((id) => setExamples(EXAMPLES.map((example) => aboutSource(example, id))));
  }, []);
  return examples;
}
