/** GraphiQL at `/graphiql`. */
import "graphiql/setup-workers/vite";
import "graphiql/style.css";
import "@graphiql/plugin-explorer/style.css";
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { GraphiqlPage } from "./features/graphiql/GraphiqlPage";
import { applyTheme } from "./ui/theme";
import "./ui/tokens.css";
import "./ui/fonts.css";
import "./ui/base.css";
import "./ui/parts.css";

applyTheme();

const root = document.getElementById("root");
if (root === null) throw new Error("graphiql.html has no element #root.");
createRoot(root).render(
  <StrictMode>
    <GraphiqlPage />
  </StrictMode>,
);
