/** @file A Chromium to drive: the one asked for, an installed one, one from Debian, or one from npm. */
import { mkdirSync } from 'node:fs';
import path from 'node:path';
import * as apt from './apt.mjs';
import { PrepareError, isExecutable, run, which, works } from './command.mjs';
import { installLocked } from './npm_packages.mjs';
import { CACHE, TESTS } from './paths.mjs';

const NAMES = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable'];
// headless and without a sandbox, because that is how it is started later (root in a container has no sandbox)
const PROBE = ['--headless', '--no-sandbox', '--version'];

/** @returns {Promise<string | undefined>} an installed Chromium that starts (a distribution's stub may not) */
async function installed() {
  for (const candidate of NAMES.map(which)) {
    if (candidate && (await works(candidate, PROBE))) return candidate;
  }
  return undefined;
}

async function fromDebian() {
  if (!apt.canInstall()) return undefined;
  try {
    await apt.install(['chromium']);
  } catch (error) {
    console.log(`prepare: ${error.message}`);
    return undefined;
  }
  return installed();
}

/** The npm package carries the binary compressed and unpacks it into the temporary folder, here one of our own. */
async function fromNpm() {
  if (process.platform !== 'linux') return undefined;
  const folder = path.join(TESTS, 'tools', 'fallback', 'chromium');
  const unpacked = path.join(CACHE, 'chromium');
  await installLocked(folder);
  mkdirSync(unpacked, { recursive: true });
  console.log('prepare: unpacking the Chromium of @sparticuz/chromium');
  const script = "import('@sparticuz/chromium').then(async ({ default: c }) => console.log(await c.executablePath()))";
  await run(process.execPath, ['--eval', script], { log: 'chromium-unpack', cwd: folder, env: { TMPDIR: unpacked } });
  const binary = path.join(unpacked, 'chromium');
  return (await works(binary, PROBE)) ? binary : undefined;
}

/**
 * @param {string | undefined} known what an earlier run found
 * @returns {Promise<string>} the path of a Chromium that starts
 */
export async function findChromium(known) {
  const chosen = process.env.KEYWAY_TEST_CHROMIUM;
  if (chosen) {
    if (!isExecutable(chosen)) throw new PrepareError(`KEYWAY_TEST_CHROMIUM is ${chosen}, which cannot be executed`);
    return chosen;
  }
  if (known && isExecutable(known)) return known;
  const found = (await installed()) ?? (await fromDebian()) ?? (await fromNpm());
  if (found) return found;
  throw new PrepareError(
    'no Chromium: none of ' + NAMES.join(', ') + ' starts, apt-get cannot install one, and the one from npm does not start here ' +
      '(see tests/.cache/logs/probe-chromium.log for what it lacks); install Chromium or set KEYWAY_TEST_CHROMIUM to its binary',
  );
}
