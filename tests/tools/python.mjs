/** @file The virtual environments of what is written in Python: one for the interop servers, one for each of the clients. */
import { existsSync, readdirSync, rmSync } from 'node:fs';
import path from 'node:path';
import * as apt from './apt.mjs';
import { PrepareError, run, which } from './command.mjs';
import { CACHE, TESTS, shown } from './paths.mjs';
import { fingerprint, forget, isCurrent, remember } from './stamp.mjs';

const SERVERS = path.join(TESTS, 'interop', 'servers');
const CLIENTS = path.join(TESTS, 'interop', 'clients');

/** @param {string} name of an environment @returns {string} the path of its Python */
export const pythonOf = (name) => path.join(CACHE, name, 'bin', 'python');

/** @param {string} folder @returns {string[]} the folders in it with requirements */
const withRequirements = (folder) => readdirSync(folder).filter((name) => existsSync(path.join(folder, name, 'requirements.txt')));

/** Makes the environment; Debian keeps `ensurepip` in a package of its own, which is fetched where that is allowed. */
async function makeVenv(python, folder) {
  const make = () => run(python, ['-m', 'venv', '--clear', folder], { log: 'python-venv' });
  try {
    await make();
  } catch (error) {
    if (!apt.canInstall()) throw error;
    await apt.install(['python3-venv']);
    await make();
  }
}

/** @param {string} name of the environment @param {string[]} requirements files, pinned so that they agree */
async function prepare(name, requirements) {
  const print = fingerprint(requirements);
  if (isCurrent(name, print) && existsSync(pythonOf(name))) return;
  const python = which('python3');
  if (!python) throw new PrepareError('no python3 for what is written in Python; install Python 3.10 or newer');
  const folder = path.join(CACHE, name);
  forget(name);
  rmSync(folder, { recursive: true, force: true });
  console.log(`prepare: a Python environment in ${shown(folder)}`);
  await makeVenv(python, folder);
  const files = requirements.flatMap((file) => ['--requirement', file]);
  await run(pythonOf(name), ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', ...files], { log: 'pip' });
  remember(name, print);
}

/**
 * One environment with the requirements of every Python server, and one for each Python client.
 * @returns {Promise<string>} the path of the servers' Python
 */
export async function preparePython() {
  await prepare('python', withRequirements(SERVERS).map((name) => path.join(SERVERS, name, 'requirements.txt')));
  for (const name of withRequirements(CLIENTS)) await prepare(name, [path.join(CLIENTS, name, 'requirements.txt')]);
  return pythonOf('python');
}
