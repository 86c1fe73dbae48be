/**
 * @file Lets MCP clients that others wrote connect to the real binary, list tools, call them, hear of progress and be
 * asked, at both doors: a connector's own, and all connectors as one server. They show a personal token; behind Keyway is
 * the fixture server.
 *
 *     node tests/interop/clients.mjs [--only inspector,sdk-1] [--door connector,all]
 *
 * Ends with a table and a line `N passed, N failed`; the exit code is not zero if a cell failed.
 */
import { execFile } from 'node:child_process';
import { createHmac } from 'node:crypto';
import path from 'node:path';
import { parseArgs, promisify } from 'node:util';
import { Keyway } from '../tools/keyway.mjs';
import { ROOT, TESTS } from '../tools/paths.mjs';
import { start } from '../tools/process.mjs';
import { pythonOf } from '../tools/python.mjs';
import { renderTable } from './driver/table.mjs';

const FIXTURE = path.join(ROOT, 'target', 'debug', 'keyway-fixture');
const FOLDER = path.join(TESTS, 'interop', 'clients');
const NODE = process.env.KEYWAY_TEST_NODE || process.execPath;
const CLIENT_SECONDS = 60;
const HANDSHAKE = '2025-11-25';
const STATELESS = '2026-07-28';
const SLUG = 'fixture';
const COLUMNS = ['connect', 'list', 'call', 'progress', 'ask'];

/** The clients, each on the wires that it can be brought to speak. */
const CLIENTS = [
  { client: 'inspector', wires: [HANDSHAKE, STATELESS] },
  { client: 'sdk-1', wires: [HANDSHAKE] },
  { client: 'sdk-2', wires: [HANDSHAKE, STATELESS] },
  { client: 'ai-sdk', wires: [HANDSHAKE, STATELESS] },
  { client: 'python-1', wires: [HANDSHAKE], python: true },
  { client: 'python-2', wires: [HANDSHAKE, STATELESS], python: true },
];

/** The tools of the fixture that ask the person, on the wire that they are called on. */
const ASKING = { [HANDSHAKE]: 'test_elicitation', [STATELESS]: 'test_input_required_result_elicitation' };

/**
 * The doors. Behind the one of all connectors Keyway speaks the newer wire to the fixture, whatever the client speaks.
 * @type {Record<string, { pathname: string, prefix: string, ask: (wire: string) => string }>}
 */
const DOORS = {
  connector: { pathname: `/mcp/${SLUG}`, prefix: '', ask: (wire) => ASKING[wire] },
  all: { pathname: '/mcp', prefix: `${SLUG}__`, ask: () => ASKING[STATELESS] },
};

const HOST = { secret: 'a secret that the host and keyway share, long enough', issuer: 'https://host.example', audience: 'keyway' };

/** @returns {string} a JWT of the host for one user, good for an hour */
function hostJwt(user) {
  const now = Math.floor(Date.now() / 1000);
  const claims = { iss: HOST.issuer, aud: HOST.audience, sub: user, iat: now, exp: now + 3600 };
  const signed = [{ alg: 'HS256', typ: 'JWT' }, claims].map((part) => Buffer.from(JSON.stringify(part)).toString('base64url')).join('.');
  return `${signed}.${createHmac('sha256', HOST.secret).update(signed).digest('base64url')}`;
}

const SETTINGS = {
  KEYWAY_AUTH: 'tokens',
  KEYWAY_EGRESS_ALLOW: 'localhost',
  KEYWAY_JWT_SECRET: HOST.secret,
  KEYWAY_JWT_ISSUER: HOST.issuer,
  KEYWAY_JWT_AUDIENCE: HOST.audience,
};

/** Connects the fixture for a user, and makes a personal token for it as Keyway's own page does. @returns {Promise<string>} the token */
async function connectFixture(keyway, url) {
  const authorization = { authorization: `Bearer ${hostJwt('ada')}` };
  const connector = { url, name: 'Fixture', slug: SLUG, auth_type: 'headers' };
  await keyway.api('POST', '/api/v1/connectors', connector, authorization);
  const given = await fetch(new URL('/api/v1/session-cookie', keyway.url), { method: 'POST', headers: authorization });
  const cookie = given.headers.getSetCookie()[0].split(';')[0];
  const wanted = { name: 'Real clients', connectors: [SLUG] };
  const { token } = await keyway.api('POST', '/api/v1/personal-tokens', wanted, { cookie, origin: keyway.url });
  return token;
}

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

/** @returns {Promise<import('./driver/table.mjs').Row>} one line of the table; what a client did not tell of has failed */
async function rowOf(kind, wire, door, access) {
  const { pathname, prefix, ask } = DOORS[door];
  const { output, trouble } = await run(kind, { ...access, url: `${access.url}${pathname}`, prefix, wire, ask: ask(wire) });
  const told = output.split('\n').filter((line) => line.startsWith('{')).map((line) => JSON.parse(line));
  const row = { client: kind.client, version: told.find(({ version }) => version)?.version ?? '?', wire, door, cells: {} };
  for (const { cell, mark, note } of told.filter(({ cell }) => cell)) row.cells[cell] = { mark, note: note?.replace(/\s+/g, ' ') };
  for (const column of COLUMNS) row.cells[column] ??= { mark: 'failed', note: `not tried: ${trouble ?? 'the client says nothing of it'}` };
  // a client that ended badly after it told that all was well has not passed
  if (trouble && Object.values(row.cells).every(({ mark }) => mark !== 'failed')) row.cells.connect = { mark: 'failed', note: trouble };
  console.log(`${kind.client}, ${wire}, ${door}: ${COLUMNS.map((column) => `${column} ${row.cells[column].mark}`).join(', ')}`);
  return row;
}

/** @param {string | undefined} only names, with commas between them @param {string[]} names that there are */
function chosen(only, names) {
  const wanted = only?.split(',') ?? names;
  const unknown = wanted.filter((name) => !names.includes(name));
  if (unknown.length) throw new Error(`unknown ${unknown.join(', ')}; there are ${names.join(', ')}`);
  return wanted;
}

async function main() {
  const { values } = parseArgs({ options: { only: { type: 'string' }, door: { type: 'string' } } });
  const clients = chosen(values.only, CLIENTS.map(({ client }) => client));
  const doors = chosen(values.door, Object.keys(DOORS));
  const fixture = await start({ name: 'interop-fixture', command: FIXTURE });
  const keyway = await Keyway.start({ name: 'interop-clients', env: SETTINGS });
  const rows = [];
  try {
    const access = { url: keyway.url, authorization: `Bearer ${await connectFixture(keyway, fixture.ready.url)}` };
    for (const kind of CLIENTS.filter(({ client }) => clients.includes(client))) {
      for (const wire of kind.wires) for (const door of doors) rows.push(await rowOf(kind, wire, door, access));
    }
  } finally {
    await keyway.stop();
    await fixture.stop();
  }
  const { text, passed, failed } = renderTable(rows, COLUMNS, ['client', 'version', 'wire', 'door']);
  console.log(`\n${text}\n\n${passed} passed, ${failed} failed`);
  process.exitCode = failed === 0 && passed > 0 ? 0 : 1;
}

await main();
