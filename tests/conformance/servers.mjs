/**
 * @file Holds the transparent proxy against what stands behind it: the official MCP suite's server scenarios, of every
 * wire, against the fixture server directly and through `/mcp/{slug}`. Both must come out the same, check by check, and
 * well. There is no list of failures that are expected.
 *
 *     node tests/conformance/servers.mjs [--wire 2025-11-25,2026-07-28]
 *
 * Ends with a table, the counts of each wire and a line `N passed, N failed`; the exit code is not zero if one failed.
 */
import path from 'node:path';
import { parseArgs } from 'node:util';
import { Keyway } from '../tools/keyway.mjs';
import { ROOT } from '../tools/paths.mjs';
import { start } from '../tools/process.mjs';
import { aligned } from './report.mjs';
import { WIRES, isBad, isGood, passes, scenariosOf } from './server_suite.mjs';

const FIXTURE = path.join(ROOT, 'target/debug/keyway-fixture');
const SLUG = 'fixture';
/**
 * @typedef {import('./server_suite.mjs').Check} Check
 * @typedef {{ scenario: string, wire: string, required: boolean, direct: Check[], through: Check[] }} Row
 */

/** @param {Check[]} checks what they say, without what is only told and in an order of its own */
const verdicts = (checks) =>
  checks.filter(({ status }) => status !== 'INFO').map(({ id, status }) => `${id} ${status}`).sort().join('\n');

/** @param {Row} row @returns {boolean} whether the proxy made no difference to a server that is right */
const rowPasses = ({ scenario, direct, through }) => passes(scenario, direct) && verdicts(direct) === verdicts(through);

/** @returns {Promise<Row[]>} */
async function rowsOf(wire, direct, through) {
  const [first, second] = [await scenariosOf(wire, direct, 'direct'), await scenariosOf(wire, through, 'through')];
  const scored = WIRES[wire][0] === '--requirements';
  const names = [...new Set([...first.checks.keys(), ...second.checks.keys()])].sort();
  return names.map((scenario) => ({
    scenario,
    wire,
    required: scored && !first.unscored.has(scenario),
    direct: first.checks.get(scenario) ?? [],
    through: second.checks.get(scenario) ?? [],
  }));
}

/** @param {string} scenario @param {Check[]} checks */
const cell = (scenario, checks) => `${passes(scenario, checks) ? 'ok' : 'FAILED'} ${checks.filter(isGood).length}`;

/** @param {Row} row */
function notes({ scenario, wire, direct, through }) {
  const said = (way, checks) => checks.filter(isBad).map(({ id, errorMessage }) => `  ${way}, ${id}: ${errorMessage}`);
  const missing = through.length === 0 ? ['  through: nothing'] : [];
  return [`\n${scenario}, ${wire}:`, ...said('direct', direct), ...said('through', through), ...missing];
}

/** @param {string} wire @param {Row[]} rows */
function count(wire, rows) {
  const passed = (of, way) => of.filter((row) => passes(row.scenario, row[way])).length;
  const both = (of) => `${passed(of, 'direct')}/${of.length} direct, ${passed(of, 'through')}/${of.length} through`;
  const [required, others] = [rows.filter((row) => row.required), rows.filter((row) => !row.required)];
  return `${wire}: ${[required.length && `required ${both(required)}`, others.length && `others ${both(others)}`].filter(Boolean).join('; ')}`;
}

/** @param {Row[]} rows */
function render(rows) {
  const lines = rows.map(({ scenario, wire, required, direct, through }) =>
    [scenario, wire, required ? 'yes' : '', cell(scenario, direct), cell(scenario, through)]);
  const wires = [...new Set(rows.map(({ wire }) => wire))];
  return [
    ...aligned([['scenario', 'wire', 'required', 'direct', 'through'], ...lines]),
    ...rows.filter((row) => !rowPasses(row)).flatMap(notes),
    '',
    ...wires.map((wire) => count(wire, rows.filter((row) => row.wire === wire))),
  ].join('\n');
}

async function main() {
  const { values } = parseArgs({ options: { wire: { type: 'string' } } });
  const wires = values.wire?.split(',') ?? Object.keys(WIRES);
  const unknown = wires.filter((wire) => !(wire in WIRES));
  if (unknown.length) throw new Error(`unknown wire ${unknown.join(', ')}; there are ${Object.keys(WIRES).join(', ')}`);
  const fixture = await start({ name: 'conformance-fixture', command: FIXTURE });
  const keyway = await Keyway.start({ name: 'conformance-proxy', env: { KEYWAY_AUTH: 'single_user' } });
  const rows = [];
  try {
    const connector = { url: fixture.ready.url, name: 'Fixture', slug: SLUG, auth_type: 'headers' };
    await keyway.api('POST', '/api/v1/connectors', connector);
    for (const wire of wires) rows.push(...(await rowsOf(wire, fixture.ready.url, `${keyway.url}/mcp/${SLUG}`)));
  } finally {
    await keyway.stop();
    await fixture.stop();
  }
  const failed = rows.filter((row) => !rowPasses(row)).length;
  console.log(`${render(rows)}\n\n${rows.length - failed} passed, ${failed} failed`);
  process.exitCode = failed === 0 && rows.length > 0 ? 0 : 1;
}

await main();
