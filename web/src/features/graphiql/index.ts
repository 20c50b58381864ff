/** What other features take from this one: not the editor, which is large. */
export { withoutComments } from "./exampleText";
