/** @file Debian packages, where this machine lets us install them. */
import { run, which } from './command.mjs';

let updated = false;

/** @returns {boolean} whether packages can be installed: root, and apt-get is there */
export const canInstall = () => process.getuid?.() === 0 && which('apt-get') !== undefined;

/**
 * Installs packages without their recommendations; the package lists are fetched once per run.
 * @param {string[]} packages
 */
export async function install(packages) {
  const env = { DEBIAN_FRONTEND: 'noninteractive' };
  if (!updated) {
    console.log('prepare: apt-get update');
    await run('apt-get', ['update'], { log: 'apt-update', env });
    updated = true;
  }
  console.log(`prepare: apt-get install --no-install-recommends ${packages.join(' ')}`);
  await run('apt-get', ['install', '-y', '--no-install-recommends', ...packages], { log: `apt-${packages[0]}`, env });
}
