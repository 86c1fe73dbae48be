/** @file The table at the end of a run: scenario × wire × result, and the counts of each wire. */

/** @typedef {{ scenario: string, wire: string, result: import('./suite.mjs').Result }} Run */

/** Scenarios of the skills extension (SEP-2640): they check nothing of a client without skills. */
const OF_SKILLS = /^sep-2640-/;

const NO_SKILLS = 'checks nothing of a client without skills (SEP-2640)';

/** @param {Run} run @returns {'passed' | 'failed' | 'nothing'} an empty pass is none, and only skills may be empty */
function verdict({ scenario, result }) {
  if (result.mark !== 'empty') return result.mark;
  return OF_SKILLS.test(scenario) ? 'nothing' : 'failed';
}

/** @param {Run} run */
function cell(run) {
  if (run.result.mark === 'empty') return OF_SKILLS.test(run.scenario) ? 'empty¹' : 'EMPTY';
  return run.result.mark === 'passed' ? `ok ${run.result.successes}` : 'FAILED';
}

/** @param {string[][]} lines @returns {string[]} the lines with their columns aligned */
export function aligned(lines) {
  const widths = lines[0].map((_, index) => Math.max(...lines.map((line) => line[index].length)));
  return lines.map((line) => line.map((text, index) => text.padEnd(widths[index])).join('  ').trimEnd());
}

/** @param {string} wire @param {Run[]} runs */
function count(wire, runs) {
  const verdicts = runs.filter((run) => run.wire === wire).map(verdict);
  const passed = verdicts.filter((one) => one === 'passed').length;
  const nothing = verdicts.filter((one) => one === 'nothing').length;
  return `${wire === 'none' ? 'without a version' : wire}: ${passed}/${verdicts.length}${nothing ? `, ${nothing} empty¹` : ''}`;
}

/**
 * @param {Run[]} runs
 * @returns {{ text: string, passed: number, failed: number }} what checks nothing counts as neither
 */
export function renderTable(runs) {
  const wires = [...new Set(runs.map(({ wire }) => wire))];
  const names = [...new Set(runs.map(({ scenario }) => scenario))];
  const at = (scenario, wire) => runs.find((run) => run.scenario === scenario && run.wire === wire);
  const rows = names.map((name) => [name, ...wires.map((wire) => at(name, wire)).map((run) => (run ? cell(run) : '–'))]);
  const failures = runs.filter((run) => verdict(run) === 'failed');
  const lines = [
    ...aligned([['scenario', ...wires], ...rows]),
    ...(runs.some((run) => verdict(run) === 'nothing') ? [`¹ ${NO_SKILLS}`] : []),
    ...failures.flatMap(({ scenario, wire, result }) => [`\n${scenario}, ${wire}:`, ...result.notes.map((note) => `  ${note}`)]),
    '',
    ...wires.map((wire) => count(wire, runs)),
  ];
  return { text: lines.join('\n'), passed: runs.filter((run) => verdict(run) === 'passed').length, failed: failures.length };
}
