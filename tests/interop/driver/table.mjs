/** @file The table at the end of a run: its columns, its marks, its footnotes. */

/** What a cell came to. @typedef {{ mark: 'ok' | 'failed' | 'none', note?: string }} Cell */
/** One line, whose heads tell what it is of. @typedef {Record<string, string> & { cells: Record<string, Cell> }} Row */

const MARKS = { ok: 'ok', failed: 'FAILED', none: '–' };
const SUPERSCRIPTS = '¹²³⁴⁵⁶⁷⁸⁹';

/**
 * @param {Row[]} rows
 * @param {string[]} columns
 * @param {string[]} heads the columns before those
 * @returns {{ text: string, passed: number, failed: number }} cells that do not apply count as neither
 */
export function renderTable(rows, columns, heads = ['server', 'version']) {
  const notes = [...new Set(rows.flatMap((row) => Object.values(row.cells)).filter((cell) => cell.mark === 'none').map((cell) => cell.note))];
  const marked = (cell) => MARKS[cell.mark] + (cell.mark === 'none' ? SUPERSCRIPTS[notes.indexOf(cell.note)] : '');
  const lines = [
    [...heads, ...columns],
    ...rows.map((row) => [...heads.map((head) => row[head]), ...columns.map((column) => marked(row.cells[column]))]),
  ];
  const widths = lines[0].map((_, index) => Math.max(...lines.map((line) => line[index].length)));
  const table = lines.map((line) => line.map((text, index) => text.padEnd(widths[index])).join('  ').trimEnd());
  const failures = rows.flatMap((row) =>
    Object.entries(row.cells).filter(([, cell]) => cell.mark === 'failed').map(([column, cell]) => `${heads.map((head) => row[head]).join(' ')}, ${column}: ${cell.note}`),
  );
  const cells = rows.flatMap((row) => Object.values(row.cells));
  const count = (mark) => cells.filter((cell) => cell.mark === mark).length;
  const text = [...table, ...notes.map((note, index) => `${SUPERSCRIPTS[index]} ${note}`), ...failures].join('\n');
  return { text, passed: count('ok'), failed: count('failed') };
}
