/** What other features take from this one. */
export { howFar } from "./ProgressLine";
export { changesOf } from "./runs";
export { RunsPanel } from "./RunsPanel";
