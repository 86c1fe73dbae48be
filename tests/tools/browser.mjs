/** @file The browser under which Keyway's pages are looked at, and the pictures taken of them. */
import { mkdirSync } from 'node:fs';
import path from 'node:path';
import './environment.mjs';
import { chromium } from 'playwright-core';
import { SCREENSHOTS } from './paths.mjs';

/** How long a page may take for one step, in milliseconds. */
export const STEP = 20_000;

/**
 * Headless Chromium; without its sandbox, which root in a container does not have.
 * @param {string[]} [args] further switches
 * @returns {Promise<import('playwright-core').Browser>}
 */
export const launchBrowser = (args = []) =>
  chromium.launch({ executablePath: process.env.KEYWAY_TEST_CHROMIUM, args: ['--no-sandbox', ...args], timeout: 60_000 });

/**
 * A person's own window: nobody else's cookies, bounded waits.
 * @param {import('playwright-core').Browser} browser
 * @param {import('playwright-core').BrowserContextOptions} [options]
 */
export async function newPerson(browser, options = {}) {
  const context = await browser.newContext({ viewport: { width: 1000, height: 800 }, ...options });
  context.setDefaultTimeout(STEP);
  return context;
}

/** Keeps a picture as `tests/.cache/screenshots/{name}.png`, of what moves as it is in the end. */
export async function picture(page, name) {
  mkdirSync(SCREENSHOTS, { recursive: true });
  await page.screenshot({ path: path.join(SCREENSHOTS, `${name}.png`), fullPage: true, animations: 'disabled' });
}
