/** @file The official suite's server scenarios: which there are for a wire, and what they say of a server. */
import { globSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import path from 'node:path';
import { CACHE } from '../tools/paths.mjs';
import { suite } from './suite.mjs';

/** @typedef {{ id: string, status: string, errorMessage?: string }} Check */

/** A wire, and how the suite is asked for all of its scenarios; requirements bring those of extensions along. */
export const WIRES = {
  '2025-03-26': ['--suite', 'all', '--spec-version', '2025-03-26'],
  '2025-06-18': ['--suite', 'all', '--spec-version', '2025-06-18'],
  '2025-11-25': ['--requirements', '2025-11-25'],
  '2026-07-28': ['--requirements', '2026-07-28'],
};
/** Checks nothing yet, says the suite. */
const EMPTY = new Set(['tasks-status-notifications']);

export const isBad = ({ status }) => status === 'FAILURE' || status === 'WARNING';
export const isGood = ({ status }) => status === 'SUCCESS';

/** @param {string} scenario @param {Check[]} checks */
export const passes = (scenario, checks) => !checks.some(isBad) && (checks.some(isGood) || EMPTY.has(scenario));

/**
 * Runs the scenarios of a wire, one after the other.
 * @returns {Promise<{ checks: Map<string, Check[]>, unscored: Set<string> }>}
 */
export async function scenariosOf(wire, url, way) {
  const folder = path.join(CACHE, 'conformance', 'servers', wire, way);
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  const { output, errors } = await suite(['server', '--url', url, ...WIRES[wire], '-o', folder]);
  const files = globSync('server-*/checks.json', { cwd: folder });
  if (files.length === 0) throw new Error(`the suite ran nothing for ${wire}: ${errors.trim().split('\n').at(-1)}`);
  const nameOf = (file) => /^server-(.+)-\d{4}-\d\d-\d\dT/.exec(file)[1];
  const checks = files.map((file) => [nameOf(file), JSON.parse(readFileSync(path.join(folder, file), 'utf8'))]);
  const unscored = [...output.matchAll(/^ {2}[✓✗] (\S+) \(/gm)].map(([, name]) => name);
  return { checks: new Map(checks), unscored: new Set(unscored) };
}
