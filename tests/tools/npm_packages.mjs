/** @file The npm packages of the tests: every folder under `tests` with a lock file, and the fallbacks on demand. */
import { existsSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { run } from './command.mjs';
import { TESTS, shown } from './paths.mjs';
import { fingerprint, forget, isCurrent, remember } from './stamp.mjs';

const SKIPPED = new Set(['node_modules', '.cache', 'fallback']);

/** @param {string} [folder] @returns {string[]} the folders with a lock file, the fallbacks left out */
export function lockedFolders(folder = TESTS) {
  const entries = readdirSync(folder, { withFileTypes: true });
  const own = entries.some((entry) => entry.name === 'package-lock.json') ? [folder] : [];
  const below = entries.filter((entry) => entry.isDirectory() && !SKIPPED.has(entry.name));
  return [...own, ...below.flatMap((entry) => lockedFolders(path.join(folder, entry.name)))];
}

/**
 * `npm ci` in one folder, unless its lock file is what is installed already.
 * @param {string} folder
 */
export async function installLocked(folder) {
  const print = fingerprint([path.join(folder, 'package.json'), path.join(folder, 'package-lock.json')]);
  const name = `npm-${path.relative(TESTS, folder) || 'tests'}`;
  if (isCurrent(name, print) && existsSync(path.join(folder, 'node_modules'))) return;
  forget(name);
  console.log(`prepare: npm ci in ${shown(folder)}`);
  await run('npm', ['ci', '--no-audit', '--no-fund', '--loglevel=error'], { log: name.replaceAll('/', '-'), cwd: folder });
  remember(name, print);
}
