/** @file axe-core in a page; violations that keep people out fail the test. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';

const SOURCE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const BARRING = ['serious', 'critical'];

/** Lets transitions end, so that no colour is measured half way. */
const settled = () => Promise.all(document.getAnimations().filter((a) => a.effect.getTiming().iterations !== Infinity).map((a) => a.finished));

/**
 * Fails where axe-core finds what it calls serious or critical.
 * @param {import('playwright-core').Page} page
 * @param {string} state of the page, for the message
 */
export async function expectAccessible(page, state) {
  await page.evaluate(settled);
  await page.evaluate(SOURCE);
  const { violations } = await page.evaluate(() => globalThis.axe.run(document, { resultTypes: ['violations'] }));
  const barring = violations.filter(({ impact }) => BARRING.includes(impact));
  const told = barring.map(({ id, help, nodes }) => `${id}: ${help}\n    ${nodes.map((node) => node.target.join(' ')).join('\n    ')}`);
  assert.equal(told.join('\n'), '', `${state} keeps people out`);
}
