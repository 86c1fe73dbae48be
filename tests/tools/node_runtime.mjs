/** @file The Node that the servers and the test runners need: several of the servers do not start on Node 20. */
import { existsSync } from 'node:fs';
import path from 'node:path';
import { PrepareError, isExecutable } from './command.mjs';
import { TESTS } from './paths.mjs';

const OLDEST = [22, 19];

function isNewEnough() {
  const [major, minor] = process.versions.node.split('.').map(Number);
  return major > OLDEST[0] || (major === OLDEST[0] && minor >= OLDEST[1]);
}

/**
 * `KEYWAY_TEST_NODE`, else the pinned Node of tests/package.json, else this very Node if it is new enough.
 * @returns {string} the path of a Node binary
 */
export function findNode() {
  const chosen = process.env.KEYWAY_TEST_NODE;
  if (chosen) {
    if (!isExecutable(chosen)) throw new PrepareError(`KEYWAY_TEST_NODE is ${chosen}, which cannot be executed`);
    return chosen;
  }
  const pinned = path.join(TESTS, 'node_modules', `node-${process.platform}-${process.arch}`, 'bin', 'node');
  if (existsSync(pinned)) return pinned;
  if (isNewEnough()) return process.execPath;
  throw new PrepareError(
    `there is no pinned Node for ${process.platform} ${process.arch}, and this one is ${process.versions.node}; ` +
      `install Node ${OLDEST.join('.')} or newer and set KEYWAY_TEST_NODE to it`,
  );
}
