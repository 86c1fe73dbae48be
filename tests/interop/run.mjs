/**
 * @file Drives the real binary against authorization servers and MCP servers that others wrote.
 *
 *     node tests/interop/run.mjs [--only oidc-provider,fastmcp] [--ttl 3] [--without-browser]
 *
 * Ends with a table and a line `N passed, N failed`; the exit code is not zero if a cell failed.
 */
import { parseArgs, stripVTControlCharacters } from 'node:util';
import { launchBrowser } from '../tools/browser.mjs';
import { Keyway } from '../tools/keyway.mjs';
import { within } from '../tools/wait.mjs';
import { COLUMNS } from './driver/cells.mjs';
import { KINDS, Server } from './driver/servers.mjs';
import { renderTable } from './driver/table.mjs';

const CELL_SECONDS = 90;

/** Runs one cell within its time, and tells how it went. @returns {Promise<import('./driver/table.mjs').Cell>} */
async function runCell(name, act) {
  const started = Date.now();
  const cell = await within(name, CELL_SECONDS, act()).then(
    (note) => (note ? { mark: 'none', note } : { mark: 'ok' }),
    (error) => ({ mark: 'failed', note: stripVTControlCharacters(error.message).replace(/\s+/g, ' ').trim() }),
  );
  console.log(`${name}: ${cell.mark} (${((Date.now() - started) / 1000).toFixed(1)} s)${cell.note ? ` ${cell.note}` : ''}`);
  return cell;
}

/** @returns {Promise<import('./driver/table.mjs').Row>} one line of the table */
async function tryServer(kind, ttl, { keyway, browser }) {
  const row = { server: kind.name, version: '?', cells: {} };
  const trial = { keyway, browser };
  try {
    trial.server = await Server.start(kind, ttl);
    row.version = trial.server.ready.version;
    for (const [column, act] of COLUMNS) row.cells[column] = await runCell(`${kind.name}, ${column}`, () => act(trial));
  } catch (error) {
    for (const [column] of COLUMNS) row.cells[column] ??= { mark: 'failed', note: error.message };
  } finally {
    await trial.server?.stop();
  }
  return row;
}

/** @param {string | undefined} only names, with commas between them */
function chosenKinds(only) {
  if (!only) return KINDS;
  const names = only.split(',');
  const unknown = names.filter((name) => !KINDS.some((kind) => kind.name === name));
  if (unknown.length) throw new Error(`unknown server ${unknown.join(', ')}; there are ${KINDS.map((kind) => kind.name).join(', ')}`);
  return KINDS.filter((kind) => names.includes(kind.name));
}

async function main() {
  const { values } = parseArgs({
    options: { only: { type: 'string' }, ttl: { type: 'string', default: '3' }, 'without-browser': { type: 'boolean' } },
  });
  const kinds = chosenKinds(values.only);
  const browser = values['without-browser'] ? undefined : await launchBrowser();
  const rows = [];
  try {
    const keyway = await Keyway.start({ name: 'interop-keyway' });
    try {
      for (const kind of kinds) rows.push(await tryServer(kind, Number(values.ttl), { keyway, browser }));
    } finally {
      await keyway.stop();
    }
  } finally {
    await browser?.close();
  }
  const { text, passed, failed } = renderTable(rows, COLUMNS.map(([column]) => column));
  console.log(`\n${text}\n\n${passed} passed, ${failed} failed`);
  process.exitCode = failed === 0 && passed > 0 ? 0 : 1;
}

await main();
