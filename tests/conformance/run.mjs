/**
 * @file Holds the official MCP conformance suite against the real binary, as a client: every scenario of every wire by
 * itself. There is no list of failures that are expected.
 *
 *     node tests/conformance/run.mjs [--only auth/basic-cimd,tools_call] [--wire 2025-11-25,none]
 *
 * Ends with a table, the counts of each wire and a line `N passed, N failed`; the exit code is not zero if one failed.
 */
import { parseArgs } from 'node:util';
import { Keyway } from '../tools/keyway.mjs';
import { renderTable } from './report.mjs';
import { WIRES, runScenario, scenarios } from './suite.mjs';

const AT_ONCE = 2;
/** It measures milliseconds, and wants the machine for itself. */
const ALONE = new Set(['sse-retry']);
const SETTINGS = {
  KEYWAY_AUTH: 'single_user',
  KEYWAY_ELICITATION: 'accept_defaults',
  // the client id that the suite wants to see; it is never fetched
  KEYWAY_CLIENT_METADATA_URL: 'https://conformance-test.local/client-metadata.json',
};

/** @param {string | undefined} chosen names, with commas between them @param {string[]} all @param {string} what */
function chosenOf(chosen, all, what) {
  if (!chosen) return all;
  const names = chosen.split(',');
  const unknown = names.filter((name) => !all.includes(name));
  if (unknown.length) throw new Error(`unknown ${what} ${unknown.join(', ')}; there are ${all.join(', ')}`);
  return names;
}

/** @returns {Promise<{ scenario: string, wire: string }[]>} what is to be run */
async function plan({ only, wire }) {
  const wires = chosenOf(wire, WIRES, 'wire');
  const listed = await Promise.all(wires.map(scenarios));
  const wanted = chosenOf(only, [...new Set(listed.flat())], 'scenario');
  return wires.flatMap((name, index) =>
    listed[index].filter((scenario) => wanted.includes(scenario)).map((scenario) => ({ scenario, wire: name })),
  );
}

/** Runs them, so many at a time. */
async function runAll(runs, atOnce, keyway) {
  const waiting = [...runs];
  const work = async () => {
    for (let run = waiting.shift(); run; run = waiting.shift()) {
      const started = Date.now();
      run.result = await runScenario(run.scenario, run.wire, keyway.url);
      const seconds = ((Date.now() - started) / 1000).toFixed(1);
      console.log(`${run.scenario}, ${run.wire}: ${run.result.mark} (${run.result.successes} checks, ${seconds} s)`);
    }
  };
  await Promise.all(Array.from({ length: atOnce }, work));
}

async function main() {
  const { values } = parseArgs({ options: { only: { type: 'string' }, wire: { type: 'string' } } });
  const runs = await plan(values);
  const keyway = await Keyway.start({ name: 'conformance-keyway', env: SETTINGS });
  try {
    await runAll(runs.filter(({ scenario }) => ALONE.has(scenario)), 1, keyway);
    await runAll(runs.filter(({ scenario }) => !ALONE.has(scenario)), AT_ONCE, keyway);
  } finally {
    await keyway.stop();
  }
  const { text, passed, failed } = renderTable(runs);
  console.log(`\n${text}\n\n${passed} passed, ${failed} failed`);
  process.exitCode = failed === 0 && passed > 0 ? 0 : 1;
}

await main();
