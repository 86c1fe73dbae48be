/** @file The virtual environment of the interop servers that are written in Python. */
import { existsSync, readdirSync, rmSync } from 'node:fs';
import path from 'node:path';
import * as apt from './apt.mjs';
import { PrepareError, run, which } from './command.mjs';
import { CACHE, TESTS } from './paths.mjs';
import { fingerprint, forget, isCurrent, remember } from './stamp.mjs';

const SERVERS = path.join(TESTS, 'interop', 'servers');
const VENV = path.join(CACHE, 'python');

/** Makes the environment; Debian keeps `ensurepip` in a package of its own, which is fetched where that is allowed. */
async function makeVenv(python) {
  try {
    await run(python, ['-m', 'venv', '--clear', VENV], { log: 'python-venv' });
  } catch (error) {
    if (!apt.canInstall()) throw error;
    await apt.install(['python3-venv']);
    await run(python, ['-m', 'venv', '--clear', VENV], { log: 'python-venv' });
  }
}

/**
 * One environment with the requirements of every Python server; they are pinned so that they agree.
 * @returns {Promise<string>} the path of its Python
 */
export async function preparePython() {
  const requirements = readdirSync(SERVERS).map((name) => path.join(SERVERS, name, 'requirements.txt')).filter(existsSync);
  const print = fingerprint(requirements);
  const inside = path.join(VENV, 'bin', 'python');
  if (isCurrent('python', print) && existsSync(inside)) return inside;
  const python = which('python3');
  if (!python) throw new PrepareError('no python3 for the Python interop servers; install Python 3.10 or newer');
  forget('python');
  rmSync(VENV, { recursive: true, force: true });
  console.log('prepare: a Python environment in tests/.cache/python');
  await makeVenv(python);
  const files = requirements.flatMap((file) => ['--requirement', file]);
  await run(inside, ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', ...files], { log: 'pip' });
  remember('python', print);
  return inside;
}
