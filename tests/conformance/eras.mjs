/**
 * @file Runs the official MCP suite's server scenarios of every wire through the aggregate endpoint with plain names, in
 * front of the fixture server pinned to every other wire: what a client of one year sees of a server of another. Where
 * both speak the same, everything must be as it is direct.
 *
 *     node tests/conformance/eras.mjs [--wire 2025-11-25,…] [--upstream 2026-07-28,…] [--same] [--notes]
 *
 * `--same` leaves out what speaks different wires.
 *
 * Ends with a table downstream × upstream, what is missing, and a line `N passed, N failed`; the exit code is not zero if
 * a scenario that passes direct does not pass where both sides speak the same.
 */
import path from 'node:path';
import { parseArgs } from 'node:util';
import { Keyway } from '../tools/keyway.mjs';
import { ROOT } from '../tools/paths.mjs';
import { start } from '../tools/process.mjs';
import { aligned } from './report.mjs';
import { WIRES, isBad, passes, scenariosOf } from './server_suite.mjs';

const FIXTURE = path.join(ROOT, 'target/debug/keyway-fixture');

/** @typedef {{ wire: string, upstream: string, of: string[], missing: Map<string, string[]> }} Cell */

const slugOf = (upstream) => `pinned-${upstream}`;

/** @returns {Promise<Cell>} what of a wire's scenarios that pass direct does not pass in front of the upstream */
async function cellOf(wire, upstream, direct, keyway) {
  const url = `${keyway.url}/mcp?connectors=${slugOf(upstream)}&names=plain`;
  const { checks } = await scenariosOf(wire, url, `before-${upstream}`);
  const missing = new Map();
  for (const scenario of direct) {
    const found = checks.get(scenario) ?? [];
    if (passes(scenario, found)) continue;
    missing.set(scenario, found.filter(isBad).map(({ id, errorMessage }) => `${id}: ${errorMessage}`));
  }
  return { wire, upstream, of: direct, missing };
}

/** @param {string} wire @returns {Promise<string[]>} the scenarios that count: required ones where there are such */
async function directOf(wire, url) {
  const { checks, unscored } = await scenariosOf(wire, url, 'direct');
  const names = [...checks.keys()].filter((name) => WIRES[wire][0] !== '--requirements' || !unscored.has(name));
  return names.filter((name) => passes(name, checks.get(name))).sort();
}

/** @param {Cell[]} cells */
function table(cells) {
  const upstreams = [...new Set(cells.map(({ upstream }) => upstream))];
  const wires = [...new Set(cells.map(({ wire }) => wire))];
  const cell = (wire, upstream) => {
    const found = cells.find((one) => one.wire === wire && one.upstream === upstream);
    return found ? `${found.of.length - found.missing.size}/${found.of.length}` : '';
  };
  const lines = wires.map((wire) => [wire, ...upstreams.map((upstream) => cell(wire, upstream))]);
  return aligned([['client \\ server', ...upstreams], ...lines]);
}

/** @param {Cell[]} cells @param {boolean} withNotes */
function missing(cells, withNotes) {
  return cells.flatMap(({ wire, upstream, missing: found }) =>
    [...found].flatMap(([scenario, notes]) => [
      `client ${wire}, server ${upstream}: ${scenario}`,
      ...(withNotes || wire === upstream ? notes.map((note) => `  ${note}`) : []),
    ]));
}

async function main() {
  const flag = { type: 'boolean', default: false };
  const options = { wire: { type: 'string' }, upstream: { type: 'string' }, same: flag, notes: flag };
  const { values } = parseArgs({ options });
  const wires = values.wire?.split(',') ?? Object.keys(WIRES);
  const upstreams = values.upstream?.split(',') ?? Object.keys(WIRES);
  const fixture = await start({ name: 'eras-fixture', command: FIXTURE });
  const keyway = await Keyway.start({ name: 'eras', env: { KEYWAY_AUTH: 'single_user' } });
  const cells = [];
  try {
    for (const upstream of upstreams) {
      const pinned = { url: fixture.ready.url, slug: slugOf(upstream), auth_type: 'headers', pinned_protocol_version: upstream };
      await keyway.api('POST', '/api/v1/connectors', { name: `Pinned to ${upstream}`, ...pinned });
    }
    for (const wire of wires) {
      const direct = await directOf(wire, fixture.ready.url);
      for (const upstream of upstreams.filter((other) => !values.same || other === wire)) cells.push(await cellOf(wire, upstream, direct, keyway));
    }
  } finally {
    await keyway.stop();
    await fixture.stop();
  }
  console.log([...table(cells), '', ...missing(cells, values.notes), ''].join('\n'));
  const same = cells.filter(({ wire, upstream }) => wire === upstream);
  const failed = same.reduce((sum, cell) => sum + cell.missing.size, 0);
  const all = same.reduce((sum, cell) => sum + cell.of.length, 0);
  console.log(`${all - failed} passed, ${failed} failed`);
  process.exitCode = failed === 0 && cells.length > 0 ? 0 : 1;
}

await main();
