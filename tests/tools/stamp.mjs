/** @file Remembers what an install was made from, so that an unchanged one costs nothing. */
import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { CACHE } from './paths.mjs';

const fileOf = (name) => path.join(CACHE, 'stamps', name.replaceAll('/', '-'));

/** @param {string[]} files their contents, with the platform, are what an install is made from @returns {string} */
export function fingerprint(files) {
  const hash = createHash('sha256').update(`${process.platform} ${process.arch}`);
  for (const file of files) hash.update(readFileSync(file));
  return hash.digest('hex');
}

/** @param {string} name @param {string} print @returns {boolean} whether the last finished install was this one */
export function isCurrent(name, print) {
  try {
    return readFileSync(fileOf(name), 'utf8') === print;
  } catch {
    return false;
  }
}

/** Forgets an install; called before one begins, so that a broken one is not taken for a finished one. */
export const forget = (name) => rmSync(fileOf(name), { force: true });

/** Writes down that the install with this fingerprint is finished. */
export function remember(name, print) {
  mkdirSync(path.dirname(fileOf(name)), { recursive: true });
  writeFileSync(fileOf(name), print);
}
