/** What other features take from this one. */
export { SourcesPanel } from "./SourcesPanel";
