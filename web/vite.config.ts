// How the page is built: one page, one script for hosts, everything hashed except the two names that
// others link to. Nothing is inlined, so that the page's policy needs no 'unsafe-inline'.

import { defineConfig } from "vite";

const KEYWAY = "http://localhost:8420";

export default defineConfig({
  build: {
    target: "es2022",
    // The first browsers that know light-dark(), so that it is left as it is.
    cssTarget: ["chrome123", "firefox120", "safari17.5"],
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    rolldownOptions: {
      input: { page: "index.html", "keyway-connectors": "src/embed.ts" },
      output: {
        entryFileNames: (chunk) =>
          chunk.name === "keyway-connectors" ? "[name].js" : "assets/[name]-[hash].js",
      },
    },
  },
  server: {
    // `npm run dev` beside a running `keyway serve` with KEYWAY_HOST_ORIGINS=http://localhost:5173.
    proxy: {
      "/api": { target: KEYWAY, changeOrigin: true },
      "/oauth": { target: KEYWAY, changeOrigin: true },
    },
  },
  test: { include: ["src/**/*.test.ts"] },
});
