/** Fails the build where the live page's first JavaScript, gzipped, is larger than its budget. */
import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";

const BUDGET_KB = 200;
const dist = join(dirname(fileURLToPath(import.meta.url)), "dist");
const manifest = JSON.parse(readFileSync(join(dist, ".vite/manifest.json"), "utf8"));

/** All chunks that the entry loads before it runs. */
function chunksOf(key, found = new Set()) {
  if (found.has(key)) return found;
  found.add(key);
  for (const next of manifest[key].imports ?? []) chunksOf(next, found);
  return found;
}

const files = [...chunksOf("index.html")]
  .map((key) => manifest[key].file)
  .filter((file) => file.endsWith(".js"));
const bytes = files.reduce((sum, file) => sum + gzipSync(readFileSync(join(dist, file))).length, 0);
const kilobytes = bytes / 1024;
console.log(`/ loads ${kilobytes.toFixed(1)} KB of JavaScript (gzip); its budget is ${BUDGET_KB} KB.`);
if (kilobytes > BUDGET_KB) process.exitCode = 1;
