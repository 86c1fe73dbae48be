/** @file Looking for programs and running them to their end. */
import { spawn } from 'node:child_process';
import { accessSync, constants, mkdirSync, openSync, closeSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { CACHE, shown } from './paths.mjs';

/** What a person can act on; the message is all that is printed. */
export class PrepareError extends Error {}

/** @param {string} file @returns {boolean} whether the file exists and may be executed */
export function isExecutable(file) {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** @param {string} program a bare name @returns {string | undefined} its path, by PATH */
export function which(program) {
  const folders = (process.env.PATH ?? '').split(path.delimiter).filter(Boolean);
  return folders.map((folder) => path.join(folder, program)).find(isExecutable);
}

/**
 * Runs a program to its end, its output in `tests/.cache/logs/{log}.log`.
 * @param {string} program
 * @param {string[]} args
 * @param {{ log: string, cwd?: string, env?: Record<string, string>, seconds?: number }} options
 * @returns {Promise<string>} what it wrote to both streams
 */
export async function run(program, args, { log, cwd, env = {}, seconds = 600 }) {
  const logFile = path.join(CACHE, 'logs', `${log}.log`);
  mkdirSync(path.dirname(logFile), { recursive: true });
  const output = openSync(logFile, 'w');
  const child = spawn(program, args, {
    cwd,
    env: { ...process.env, ...env },
    stdio: ['ignore', output, output],
    timeout: seconds * 1000,
    killSignal: 'SIGKILL',
  });
  const ending = await new Promise((resolve) => {
    child.once('error', (error) => resolve(error.message));
    child.once('exit', (code, signal) => resolve(code === 0 ? null : `ended with ${signal ?? code}`));
  });
  closeSync(output);
  const text = readFileSync(logFile, 'utf8');
  if (ending !== null) {
    const lastLines = text.trim().split('\n').slice(-6).join('\n  ');
    throw new PrepareError(`\`${program} ${args.join(' ')}\` ${ending} (${shown(logFile)})\n  ${lastLines}`);
  }
  return text;
}

/** @param {string} program @param {string[]} args @returns {Promise<boolean>} whether it ends well within ten seconds */
export async function works(program, args) {
  try {
    await run(program, args, { log: `probe-${path.basename(program)}`, seconds: 10 });
    return true;
  } catch {
    return false;
  }
}
