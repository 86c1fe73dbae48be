/** @file The clients that others wrote: which there are, and how one is let try a door. */
import { execFile } from 'node:child_process';
import path from 'node:path';
import { promisify } from 'node:util';
import { TESTS } from '../../tools/paths.mjs';
import { pythonOf } from '../../tools/python.mjs';

const FOLDER = path.join(TESTS, 'interop', 'clients');
const NODE = process.env.KEYWAY_TEST_NODE || process.execPath;
const CLIENT_SECONDS = 60;

export const HANDSHAKE = '2025-11-25';
export const STATELESS = '2026-07-28';
/** What each client is let try. */
export const COLUMNS = ['connect', 'list', 'call', 'progress', 'ask'];

/** The clients, each on the wires that it can be brought to speak. @typedef {{ client: string, wires: string[], python?: boolean }} Kind */
/** @type {Kind[]} */
export const CLIENTS = [
  { client: 'inspector', wires: [HANDSHAKE, STATELESS] },
  { client: 'sdk-1', wires: [HANDSHAKE] },
  { client: 'sdk-2', wires: [HANDSHAKE, STATELESS] },
  { client: 'ai-sdk', wires: [HANDSHAKE, STATELESS] },
  { client: 'python-1', wires: [HANDSHAKE], python: true },
  { client: 'python-2', wires: [HANDSHAKE, STATELESS], python: true },
];

/** Runs one client to its end. @returns {Promise<{ output: string, trouble?: string }>} what it told, and how it ended where it did not end well */
async function run({ client, python }, wanted) {
  const script = path.join(FOLDER, client, python ? 'client.py' : 'client.mjs');
  const env = { ...process.env, PYTHONPATH: path.join(FOLDER, 'common') };
  const options = { env, timeout: CLIENT_SECONDS * 1000, killSignal: 'SIGKILL' };
  try {
    const { stdout } = await promisify(execFile)(python ? pythonOf(client) : NODE, [script, JSON.stringify(wanted)], options);
    return { output: stdout };
  } catch (error) {
    return { output: error.stdout ?? '', trouble: error.killed ? `not done after ${CLIENT_SECONDS} s` : `ended with ${error.code}` };
  }
}

/**
 * @param {Kind} kind
 * @param {Record<string, string>} heads of the line of the table
 * @param {import('../clients/common/trial.mjs').Wanted} wanted of the client
 * @returns {Promise<import('./table.mjs').Row>} the line; what a client did not tell of has failed
 */
export async function rowOf(kind, heads, wanted) {
  const { output, trouble } = await run(kind, wanted);
  const told = output.split('\n').filter((line) => line.startsWith('{')).map((line) => JSON.parse(line));
  const row = { client: kind.client, version: told.find(({ version }) => version)?.version ?? '?', wire: wanted.wire, ...heads, cells: {} };
  for (const { cell, mark, note } of told.filter(({ cell }) => cell)) row.cells[cell] = { mark, note: note?.replace(/\s+/g, ' ') };
  for (const column of COLUMNS) row.cells[column] ??= { mark: 'failed', note: `not tried: ${trouble ?? 'the client says nothing of it'}` };
  // a client that ended badly after it told that all was well has not passed
  if (trouble && Object.values(row.cells).every(({ mark }) => mark !== 'failed')) row.cells.connect = { mark: 'failed', note: trouble };
  const name = [kind.client, wanted.wire, ...Object.values(heads)].join(', ');
  console.log(`${name}: ${COLUMNS.map((column) => `${column} ${row.cells[column].mark}`).join(', ')}`);
  return row;
}

/** @param {string | undefined} only names, with commas between them @param {string[]} names that there are */
export function chosen(only, names) {
  const wanted = only?.split(',') ?? names;
  const unknown = wanted.filter((name) => !names.includes(name));
  if (unknown.length) throw new Error(`unknown ${unknown.join(', ')}; there are ${names.join(', ')}`);
  return wanted;
}
