/**
 * @file Puts MCP servers that others wrote and that speak nothing but HTTP with SSE (protocol 2024-11-05) behind the real
 * binary, and tries them by REST and with clients that others wrote.
 *
 *     node tests/interop/older.mjs [--only older-typescript] [--client sdk-1,sdk-2]
 *
 * Ends with two tables and a line `N passed, N failed`; the exit code is not zero if a cell failed.
 */
import { parseArgs } from 'node:util';
import { Keyway, Refused } from '../tools/keyway.mjs';
import { freePorts } from '../tools/ports.mjs';
import { pythonOf } from '../tools/python.mjs';
import { until, within } from '../tools/wait.mjs';
import { CLIENTS, COLUMNS as CLIENT_COLUMNS, chosen, rowOf } from './driver/clients.mjs';
import { Server } from './driver/servers.mjs';
import { renderTable } from './driver/table.mjs';

const NODE = process.env.KEYWAY_TEST_NODE || process.execPath;
const CELL_SECONDS = 60;
const CLOSED_SECONDS = 5;
const CALLS_AT_ONCE = 20;
const SLUG = 'older';
/** The servers; the one in Python runs in the environment of the client of its SDK. */
const KINDS = [
  { name: 'older-typescript', runtime: { command: NODE, script: 'server.mjs' } },
  { name: 'older-python', runtime: { command: pythonOf('python-1'), script: 'server.py' } },
];
/** The doors that translate: all connectors as one server, and one connector alone. @type {Record<string, { pathname: string, prefix: string }>} */
const DOORS = {
  all: { pathname: '/mcp', prefix: `${SLUG}__` },
  plain: { pathname: `/mcp?connectors=${SLUG}&names=plain`, prefix: '' },
};

/** One server behind a Keyway of its own. @typedef {{ keyway: Keyway, kind: object, port: number, server: Server, rows: object[] }} Trial */

/** @param {boolean} holds @param {string} otherwise what is said where it does not */
function check(holds, otherwise) {
  if (!holds) throw new Error(otherwise);
}

const connector = `/api/v1/connectors/${SLUG}`;
const hasGreet = (tools, name = 'greet') => tools?.some((tool) => tool.name === name);

/** @param {Trial} trial a call by REST, with the right answer */
async function greet({ keyway }) {
  const { content } = await keyway.api('POST', '/api/v1/tools/call', { connector: SLUG, tool: 'greet', arguments: { name: 'Grüße' } });
  check(content[0].text === 'Hello, Grüße!', `the tool said ${content[0].text}`);
}

/** @returns {Promise<void>} once so many streams are open at the server */
const untilOpen = ({ server }, count) =>
  until(`${count} open streams at the server`, CLOSED_SECONDS, async () => {
    const { streams_open: open } = await server.counts();
    check(open === count, `there are ${open}`);
    return true;
  });

/** The address alone is tried: the transport is found and said, and no stream is left. */
async function probe(trial) {
  const report = await trial.keyway.api('POST', '/api/v1/connectors/probe', { url: trial.server.ready.mcp_url });
  check(report.outcome === 'open' && hasGreet(report.tools), `the probe says ${JSON.stringify(report)}`);
  check(report.trace.some(({ outcome }) => outcome.includes('older HTTP+SSE transport')), 'the trace does not name the transport');
  await untilOpen(trial, 0);
}

/** It is added by its address alone, and tested. */
async function add({ keyway, server }) {
  await keyway.api('POST', '/api/v1/connectors', { url: server.ready.mcp_url, slug: SLUG });
  const tested = await keyway.api('POST', `${connector}/test`, {});
  check(tested.ok && hasGreet(tested.tools), `the test says ${JSON.stringify(tested)}`);
  const { state, health, protocol_version: version } = await keyway.api('GET', connector);
  check(state === 'ready' && health.status === 'ok' && version, `the row is ${state}, ${health.status}, ${version}`);
}

async function list({ keyway }) {
  const { tools, unavailable } = await keyway.api('GET', '/api/v1/tools');
  check(hasGreet(tools, `${SLUG}__greet`) && unavailable.length === 0, `the list is ${JSON.stringify({ tools, unavailable })}`);
}

/** Many calls at once, over one stream. */
async function call(trial) {
  await greet(trial);
  const before = await trial.server.counts();
  await Promise.all(Array.from({ length: CALLS_AT_ONCE }, () => greet(trial)));
  const after = await trial.server.counts();
  check(after.streams_opened === before.streams_opened, `${CALLS_AT_ONCE} calls opened ${after.streams_opened - before.streams_opened} streams`);
}

/** A server that begins anew is called again, be it that its end was seen or not. */
async function restart(trial) {
  await trial.server.stop();
  const refused = await greet(trial).then(() => undefined, (error) => error);
  check(refused instanceof Refused && refused.code === 'upstream_unreachable', `a call while it is away: ${refused?.message ?? 'answered'}`);
  for (let times = 0; times < 2; times += 1) {
    if (times) await trial.server.stop();
    trial.server = await Server.start(trial.kind, 1, { PORT: String(trial.port) });
    await greet(trial);
  }
}

/** With the connector every stream to its server goes. */
async function remove(trial) {
  check((await trial.server.counts()).streams_open > 0, 'no stream is open before');
  await trial.keyway.api('DELETE', connector);
  await untilOpen(trial, 0);
}

/** The columns of the table, in the order in which they are tried; the clients have their turn before the restart. */
const COLUMNS = [['probe', probe], ['add', add], ['list', list], ['call', call], ['restart', restart], ['remove', remove]];

async function tryClients({ keyway, kind, rows }, clients) {
  for (const client of CLIENTS.filter((one) => clients.includes(one.client))) {
    for (const wire of client.wires) {
      for (const [door, { pathname, prefix }] of Object.entries(DOORS)) {
        // the one user of this mode is asked for nothing, whatever a client shows
        const wanted = { url: `${keyway.url}${pathname}`, authorization: 'Bearer none', prefix, wire, ask: 'test_elicitation' };
        rows.push(await rowOf(client, { server: kind.name, door }, wanted));
      }
    }
  }
}

/** @returns {Promise<{ row: import('./driver/table.mjs').Row, rows: import('./driver/table.mjs').Row[] }>} of the server, and of its clients */
async function tryServer(kind, clients) {
  const row = { server: kind.name, version: '?', cells: {} };
  const [port] = await freePorts(1);
  const keyway = await Keyway.start({ name: `interop-${kind.name}-keyway` });
  const trial = { keyway, kind, port, rows: [] };
  try {
    trial.server = await Server.start(kind, 1, { PORT: String(port) });
    row.version = trial.server.ready.version;
    for (const [column, act] of COLUMNS) {
      if (act === restart) await tryClients(trial, clients);
      const note = await within(column, CELL_SECONDS, act(trial)).then(() => undefined, (error) => error.message.replace(/\s+/g, ' '));
      row.cells[column] = note ? { mark: 'failed', note } : { mark: 'ok' };
      console.log(`${kind.name}, ${column}: ${row.cells[column].mark} ${note ?? ''}`);
    }
  } finally {
    await trial.server?.stop();
    await keyway.stop();
  }
  return { row, rows: trial.rows };
}

async function main() {
  const { values } = parseArgs({ options: { only: { type: 'string' }, client: { type: 'string' } } });
  const kinds = chosen(values.only, KINDS.map(({ name }) => name));
  const clients = chosen(values.client, CLIENTS.map(({ client }) => client));
  const trials = [];
  for (const kind of KINDS.filter(({ name }) => kinds.includes(name))) trials.push(await tryServer(kind, clients));
  const tables = [
    renderTable(trials.map(({ row }) => row), COLUMNS.map(([column]) => column)),
    renderTable(trials.flatMap(({ rows }) => rows), CLIENT_COLUMNS, ['server', 'client', 'version', 'wire', 'door']),
  ];
  const sum = (count) => tables.reduce((all, table) => all + table[count], 0);
  console.log(`\n${tables.map(({ text }) => text).join('\n\n')}\n\n${sum('passed')} passed, ${sum('failed')} failed`);
  process.exitCode = sum('failed') === 0 && sum('passed') > 0 ? 0 : 1;
}

await main();
