/** @file The table at the end of a run: its columns, its marks, its footnotes. */

/** What a cell came to. @typedef {{ mark: 'ok' | 'failed' | 'none', note?: string }} Cell */
/** One server's line. @typedef {{ server: string, version: string, cells: Record<string, Cell> }} Row */

const MARKS = { ok: 'ok', failed: 'FAILED', none: '–' };
const SUPERSCRIPTS = '¹²³⁴⁵⁶⁷⁸⁹';

/**
 * @param {Row[]} rows
 * @param {string[]} columns
 * @returns {{ text: string, passed: number, failed: number }} cells that do not apply count as neither
 */
export function renderTable(rows, columns) {
  const notes = [...new Set(rows.flatMap((row) => Object.values(row.cells)).filter((cell) => cell.mark === 'none').map((cell) => cell.note))];
  const marked = (cell) => MARKS[cell.mark] + (cell.mark === 'none' ? SUPERSCRIPTS[notes.indexOf(cell.note)] : '');
  const lines = [
    ['server', 'version', ...columns],
    ...rows.map((row) => [row.server, row.version, ...columns.map((column) => marked(row.cells[column]))]),
  ];
  const widths = lines[0].map((_, index) => Math.max(...lines.map((line) => line[index].length)));
  const table = lines.map((line) => line.map((text, index) => text.padEnd(widths[index])).join('  ').trimEnd());
  const failures = rows.flatMap((row) =>
    Object.entries(row.cells).filter(([, cell]) => cell.mark === 'failed').map(([column, cell]) => `${row.server}, ${column}: ${cell.note}`),
  );
  const cells = rows.flatMap((row) => Object.values(row.cells));
  const count = (mark) => cells.filter((cell) => cell.mark === mark).length;
  const text = [...table, ...notes.map((note, index) => `${SUPERSCRIPTS[index]} ${note}`), ...failures].join('\n');
  return { text, passed: count('ok'), failed: count('failed') };
}
