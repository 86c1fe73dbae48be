/** @file Long-running children: started, waited for by their ready line, ended by their id whatever happens. */
import { spawn } from 'node:child_process';
import { createWriteStream, mkdirSync } from 'node:fs';
import path from 'node:path';
import readline from 'node:readline';
import { CACHE, shown } from './paths.mjs';
import { within } from './wait.mjs';

const READY_SECONDS = 30;

/** @type {Set<import('node:child_process').ChildProcess>} */
const running = new Set();
process.once('exit', () => running.forEach((child) => child.kill('SIGKILL')));
for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => process.exit(1));

/** @param {import('node:child_process').ChildProcess} child is asked to end, and ended where it does not listen */
async function stop(child) {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = new Promise((resolve) => child.once('exit', resolve));
  child.kill('SIGTERM');
  const force = setTimeout(() => child.kill('SIGKILL'), 5000);
  await ended;
  clearTimeout(force);
}

/** @returns {Record<string, string>} this process's environment without settings of Keyway's that somebody works with */
const plainEnvironment = () => Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('KEYWAY_')));

/** @param {string} line @returns {object | undefined} what a line says that is a JSON object */
const jsonLine = (line) => (line.startsWith('{') ? JSON.parse(line) : undefined);

/** @returns {Promise<any>} what the first line says that says something */
function readyLine(child, logFile, readyIn) {
  return new Promise((resolve, reject) => {
    readline.createInterface({ input: child.stdout }).on('line', (line) => {
      const said = readyIn(line);
      if (said) resolve(said);
    });
    child.once('error', reject);
    child.once('exit', (code, signal) => reject(new Error(`ended with ${signal ?? code} before it was ready (${shown(logFile)})`)));
  });
}

/**
 * Starts a program and waits for the line that says it is ready, by default one JSON object; its output is kept in
 * `tests/.cache/logs/{name}.log`.
 * @param {object} program
 * @param {string} program.name
 * @param {string} program.command
 * @param {string[]} [program.args]
 * @param {string} [program.cwd]
 * @param {Record<string, string>} [program.env]
 * @param {(line: string) => any} [program.readyIn] what a line says, undefined where it does not say that it is ready
 * @returns {Promise<{ ready: any, stop: () => Promise<void> }>}
 */
export async function start({ name, command, args = [], cwd, env = {}, readyIn = jsonLine }) {
  const logFile = path.join(CACHE, 'logs', `${name}.log`);
  mkdirSync(path.dirname(logFile), { recursive: true });
  const log = createWriteStream(logFile);
  // an open standard input is the tie: it closes with this process, and the children end then
  const child = spawn(command, args, { cwd, env: { ...plainEnvironment(), ...env }, stdio: ['pipe', 'pipe', 'pipe'] });
  running.add(child);
  child.once('exit', () => running.delete(child));
  child.stdout.on('data', (chunk) => log.write(chunk));
  child.stderr.on('data', (chunk) => log.write(chunk));
  try {
    const ready = await within('the ready line', READY_SECONDS, readyLine(child, logFile, readyIn));
    return { ready, stop: () => stop(child) };
  } catch (error) {
    await stop(child);
    throw new Error(`${name}: ${error.message}`);
  }
}
