/**
 * @file Fetches what the tests need from the registries and writes down where it is.
 *
 *     node tests/tools/prepare.mjs            what `make test` needs
 *     node tests/tools/prepare.mjs interop    what of the interop run is written in Python besides
 *
 * Nothing outside `tests` is written, except by apt-get where this machine has no Chromium or PostgreSQL.
 * A second run finds everything in place and takes a fraction of a second.
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { findChromium } from './chromium.mjs';
import { PrepareError } from './command.mjs';
import { findNode } from './node_runtime.mjs';
import { installLocked, lockedFolders } from './npm_packages.mjs';
import { CACHE, ENV_FILE, shown } from './paths.mjs';
import { findPostgres } from './postgres.mjs';
import { preparePython } from './python.mjs';

/** @returns {Record<string, string>} what the last run wrote down */
function readKnown() {
  try {
    const lines = readFileSync(ENV_FILE, 'utf8').split('\n').filter(Boolean);
    return Object.fromEntries(lines.map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]));
  } catch {
    return {};
  }
}

/** @param {Record<string, string>} values @param {Record<string, string>} known */
function writeDown(values, known) {
  writeFileSync(ENV_FILE, Object.entries(values).map(([name, value]) => `${name}=${value}\n`).join(''));
  for (const [name, value] of Object.entries(values)) {
    if (known[name] !== value) console.log(`prepare: ${name}=${value.replace(/:[^:@/]*@/, ':…@')}`);
  }
}

async function main() {
  const purpose = process.argv[2] ?? 'test';
  if (!['test', 'interop'].includes(purpose)) throw new PrepareError(`unknown purpose \`${purpose}\`: test or interop`);
  const started = Date.now();
  mkdirSync(CACHE, { recursive: true });
  const known = readKnown();
  for (const folder of lockedFolders()) await installLocked(folder);
  const values = {
    KEYWAY_TEST_NODE: findNode(),
    KEYWAY_TEST_CHROMIUM: await findChromium(known.KEYWAY_TEST_CHROMIUM),
    ...(await findPostgres(known.KEYWAY_TEST_POSTGRES_BIN)),
  };
  if (purpose === 'interop') values.KEYWAY_TEST_PYTHON = await preparePython();
  else if (known.KEYWAY_TEST_PYTHON) values.KEYWAY_TEST_PYTHON = known.KEYWAY_TEST_PYTHON;
  writeDown(values, known);
  console.log(`prepare: ready in ${((Date.now() - started) / 1000).toFixed(1)} s (${shown(ENV_FILE)})`);
}

try {
  await main();
} catch (error) {
  if (!(error instanceof PrepareError)) throw error;
  console.error(`prepare: stopped: ${error.message}`);
  process.exitCode = 1;
}
