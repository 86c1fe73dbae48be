/** @file The MCP Inspector on the command line, in its eras; each request is a process and a connection of its own. */
import { execFile } from 'node:child_process';
import { mkdtempSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { installedVersion, textOf, tryClient } from '../common/trial.mjs';

const INSPECTOR = path.join(import.meta.dirname, 'node_modules', '.bin', 'mcp-inspector');
const WITHOUT_A_TERMINAL = 'on the command line it shows results only';

/** @param {import('../common/trial.mjs').Wanted} wanted @returns {Promise<import('../common/trial.mjs').Conversation>} */
async function connect({ url, authorization, wire }) {
  const era = wire === '2026-07-28' ? 'modern' : 'legacy';
  const always = ['--cli', url, '--transport', 'http', '--protocol-era', era, '--format', 'json', '--header', `Authorization: ${authorization}`];
  const home = mkdtempSync(path.join(os.tmpdir(), 'keyway-inspector-'));
  const ask = async (...args) => {
    const ran = promisify(execFile)(process.execPath, [INSPECTOR, ...always, ...args], { env: { ...process.env, HOME: home } });
    const { stdout } = await ran.catch(({ stderr, code }) => Promise.reject(new Error(stderr.trim() || `it ended with ${code}`)));
    return JSON.parse(stdout).result;
  };
  const { protocolVersion } = await ask('--method', 'initialize');
  return {
    protocolVersion,
    cannot: { progress: WITHOUT_A_TERMINAL, ask: WITHOUT_A_TERMINAL },
    tools: async () => (await ask('--method', 'tools/list')).tools.map(({ name }) => name),
    call: async (name, args) => textOf(await ask('--method', 'tools/call', '--tool-name', name, '--tool-args-json', JSON.stringify(args))),
    close: async () => {},
  };
}

await tryClient({ version: installedVersion(import.meta.dirname, '@modelcontextprotocol/inspector'), connect });
