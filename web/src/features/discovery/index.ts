/** What other features take from this one. */
export { howFar } from "./ProgressLine";
export { RunsPanel } from "./RunsPanel";
