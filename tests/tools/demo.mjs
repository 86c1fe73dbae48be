/** @file The demo MCP server with its own sign-in page. */
import path from 'node:path';
import { ROOT } from './paths.mjs';
import { start } from './process.mjs';

const BINARY = process.env.KEYWAY_DEMO_BINARY || path.join(ROOT, 'target', 'debug', 'keyway-demo');

/** @returns {Promise<{ url: string, origin: string, stop: () => Promise<void> }>} a demo on a free port; `url` is its MCP address */
export async function startDemo() {
  const readyIn = (line) => /http:\/\/\S+\/mcp$/.exec(line)?.[0];
  const { ready, stop } = await start({ name: 'demo', command: BINARY, args: ['--port', '0'], readyIn });
  return { url: ready, origin: new URL(ready).origin, stop };
}
