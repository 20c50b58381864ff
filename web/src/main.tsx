/** The live page at `/`. */
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { HomePage } from "./features/home/HomePage";
import { tryAtOnceWhenBack } from "./live/client";
import { applyTheme } from "./ui/theme";
import "./ui/tokens.css";
import "./ui/fonts.css";
import "./ui/base.css";
import "./ui/parts.css";

applyTheme();
tryAtOnceWhenBack();

const root = document.getElementById("root");
if (root === null) throw new Error("index.html has no element #root.");
createRoot(root).render(
  <StrictMode>
    <HomePage />
  </StrictMode>,
);
