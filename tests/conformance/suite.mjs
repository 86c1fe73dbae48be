/** @file The official suite's command line: which client scenarios there are, and what one of them says of a client. */
import { spawn } from 'node:child_process';
import { globSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import path from 'node:path';
import { CACHE, ROOT, TESTS } from '../tools/paths.mjs';

const SUITE = path.join(TESTS, 'conformance/node_modules/@modelcontextprotocol/conformance/dist/index.js');
/** Relative, because the suite takes a command apart at its spaces. */
const ADAPTER = 'target/debug/keyway-conformance';
const SCENARIO_SECONDS = 30;
/** The suite waits until nobody is connected any more. Node ends what never asked anything after a minute or so. */
const RUN_SECONDS = 120;

/** Wires, as the suite names them; the last one leaves the choice to each scenario. */
export const WITHOUT_VERSION = 'none';
export const WIRES = ['2025-03-26', '2025-06-18', '2025-11-25', '2026-07-28', WITHOUT_VERSION];

/** How a scenario went. @typedef {{ mark: 'passed' | 'failed' | 'empty', successes: number, notes: string[] }} Result */

const ofWire = (wire) => (wire === WITHOUT_VERSION ? [] : ['--spec-version', wire]);

/**
 * Runs the suite's command line.
 * @returns {Promise<{ code: number | null, output: string, errors: string }>}
 */
export function suite(args, env = {}) {
  const child = spawn(process.execPath, [SUITE, ...args], {
    cwd: ROOT,
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: RUN_SECONDS * 1000,
    killSignal: 'SIGKILL',
  });
  const said = { output: '', errors: '' };
  child.stdout.on('data', (chunk) => (said.output += chunk));
  child.stderr.on('data', (chunk) => (said.errors += chunk));
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) => resolve({ code, ...said }));
  });
}

/** @param {string} wire @returns {Promise<string[]>} the client scenarios of a wire */
export async function scenarios(wire) {
  const { code, output, errors } = await suite(['list', '--client', ...ofWire(wire)]);
  const names = [...output.matchAll(/^ {2}- (\S+)/gm)].map(([, name]) => name);
  if (code !== 0 || names.length === 0) throw new Error(`the suite lists no scenarios for ${wire}: ${errors}`);
  return names;
}

/** @param {string} folder @param {string} name @returns {string} a file that the suite left, or nothing */
function left(folder, name) {
  const [file] = globSync(`**/${name}`, { cwd: folder });
  return file ? readFileSync(path.join(folder, file), 'utf8') : '';
}

/**
 * Runs one scenario by itself: in this mode the suite counts warnings, the time limit and the client's exit code.
 * @param {string} scenario
 * @param {string} wire
 * @param {string} keyway the origin of the Keyway under test
 * @returns {Promise<Result>}
 */
export async function runScenario(scenario, wire, keyway) {
  const folder = path.join(CACHE, 'conformance', wire, scenario);
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  const args = ['client', '--command', ADAPTER, '--scenario', scenario, ...ofWire(wire), '-o', folder];
  const { code, errors } = await suite([...args, '--timeout', String(SCENARIO_SECONDS * 1000)], { KEYWAY_URL: keyway });
  const checks = JSON.parse(left(folder, 'checks.json') || '[]');
  const bad = checks.filter(({ status }) => status === 'FAILURE' || status === 'WARNING');
  const successes = checks.filter(({ status }) => status === 'SUCCESS').length;
  if (code === 0 && bad.length === 0) return { mark: successes > 0 ? 'passed' : 'empty', successes, notes: [] };
  const client = left(folder, 'stderr.txt').trim();
  const notes = bad.map(({ id, errorMessage, description }) => `${id}: ${errorMessage ?? description}`);
  if (client) notes.push(`client: ${client.split('\n').slice(-3).join(' ')}`);
  return { mark: 'failed', successes, notes: notes.length ? notes : [`exit code ${code}: ${errors.trim().split('\n').at(-1)}`] };
}
