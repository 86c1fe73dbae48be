// Fails the build when the script that a browser loads grows over its budget.

import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";

const BUDGET_BYTES = 45 * 1024;
const DIST = new URL("../dist/", import.meta.url).pathname;

const scripts = readdirSync(DIST, { recursive: true, encoding: "utf8" }).filter((name) =>
  name.endsWith(".js"),
);
const sizes = scripts.map((name) => ({ name, bytes: gzipSync(readFileSync(join(DIST, name))).length }));
const total = sizes.reduce((sum, { bytes }) => sum + bytes, 0);

for (const { name, bytes } of sizes) console.log(`${name}: ${kib(bytes)} gzip`);
console.log(`in all: ${kib(total)} of ${kib(BUDGET_BYTES)}`);
if (total > BUDGET_BYTES) {
  console.error("the scripts are over their budget: leave something out, or load it later");
  process.exit(1);
}

function kib(bytes) {
  return `${(bytes / 1024).toFixed(1)} KiB`;
}
