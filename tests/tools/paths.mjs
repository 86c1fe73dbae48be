/** @file Where the tests keep what they fetch and what they leave behind. */
import path from 'node:path';
import { fileURLToPath } from 'node:url';

/** The `tests` folder of the checkout. */
export const TESTS = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '..');
/** The checkout. */
export const ROOT = path.dirname(TESTS);
/** Everything fetched or produced by the tests; ignored by git. */
export const CACHE = path.join(TESTS, '.cache');
/** `KEY=VALUE` lines that `prepare.mjs` leaves for the Makefile and for the test runners. */
export const ENV_FILE = path.join(CACHE, 'env');
/** Screenshots of the browser runs. */
export const SCREENSHOTS = path.join(CACHE, 'screenshots');

/** @param {string} file an absolute path @returns {string} the path as a person would name it, from the checkout */
export const shown = (file) => path.relative(ROOT, file) || '.';
