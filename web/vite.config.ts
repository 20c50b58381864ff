import { readFile } from "node:fs/promises";
import { resolve } from "node:path";
import react from "@vitejs/plugin-react";
import type { Plugin } from "vite";
import { defineConfig } from "vitest/config";

const server = process.env["DATAWAVE_URL"] ?? "http://127.0.0.1:8000";

/**
 * GraphiQL titles its icons after its functions, of whose names a build leaves letters ("u t icon").
 * Its buttons have names of their own.
 */
const untitledIcons: Plugin = {
  name: "untitled-icons",
  transform: {
    filter: { id: /@graphiql\/react\/dist\/icons\/index\.js/ },
    handler: (code) => code.replace(/const title = RawComponent\.name[^;]*;/, "const title = undefined;"),
  },
};

/** The server reads from the build which documents these pages will name. */
const registeredDocuments: Plugin = {
  name: "registered-documents",
  async generateBundle() {
    const source = await readFile(resolve(import.meta.dirname, "src/gen/documents.json"), "utf8");
    this.emitFile({ type: "asset", fileName: "documents.json", source });
  },
};

export default defineConfig({
  plugins: [react(), untitledIcons, registeredDocuments],
  build: {
    target: ["chrome123", "firefox120", "safari17.5"],
    // No data: addresses where a file will do; what is fetched is hashed and cached for good.
    assetsInlineLimit: 0,
    chunkSizeWarningLimit: 4_000,
    modulePreload: { polyfill: false },
    manifest: true,
    rolldownOptions: {
      // GraphiQL's files speak to React's compiler, which has been run on them already.
      checks: { moduleLevelDirective: false },
      input: {
        index: resolve(import.meta.dirname, "index.html"),
        graphiql: resolve(import.meta.dirname, "graphiql.html"),
      },
    },
  },
  worker: { format: "es" },
  server: {
    // The examples are shared with the docs.
    fs: { allow: [".."] },
    proxy: { "/graphql": { target: server, ws: true } },
  },
  test: { environment: "node", include: ["src/**/*.test.{ts,tsx}"] },
});
