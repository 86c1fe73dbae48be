/** @file The whole life of a connector with the keyboard alone. */
import assert from 'node:assert/strict';
import { after, afterEach, before, describe, it } from 'node:test';
import { SettingsPage } from '../tools/settings_page.mjs';
import { Stage } from './support.mjs';

const MOST_TABS = 40;

/** @returns {Promise<string>} how the focused element is announced, also inside shadow roots */
const focused = (page) =>
  page.evaluate(() => {
    let element = document.activeElement;
    while (element?.shadowRoot?.activeElement) element = element.shadowRoot.activeElement;
    const label = element?.getAttribute('aria-label') ?? element?.labels?.[0]?.textContent ?? element?.textContent ?? '';
    return label.replace(/\s+/g, ' ').trim();
  });

/** Presses Tab until what is wanted has the focus. */
async function tabTo(page, wanted) {
  const passed = [];
  for (let count = 0; count < MOST_TABS; count += 1) {
    const name = await focused(page);
    if (wanted.test(name)) return;
    passed.push(name);
    await page.keyboard.press('Tab');
  }
  assert.fail(`Tab does not reach ${wanted}, only ${[...new Set(passed)].join(' | ')}`);
}

async function press(page, wanted) {
  await tabTo(page, wanted);
  await page.keyboard.press('Enter');
}

describe('the keyboard alone', { timeout: 120_000 }, () => {
  /** @type {Stage} */
  let stage;
  before(async () => (stage = await Stage.open()));
  after(() => stage?.close());
  afterEach((test) => stage.clear(test));

  it('adds a server, signs in, reads its tools and deletes it', async () => {
    const settings = await SettingsPage.open(await stage.person(), stage.keyway.url);
    const { page } = settings;
    await press(page, /^Add connector$/);
    await page.getByRole('dialog').waitFor();
    assert.match(await focused(page), /^Server address/);
    await page.keyboard.type(stage.demo.url);
    await page.getByRole('button', { name: 'Add and sign in' }).waitFor();
    await tabTo(page, /^Name/);
    await page.keyboard.type('Notes');
    const opening = page.waitForEvent('popup');
    await press(page, /^Add and sign in$/);
    await signIn(await opening);

    await settings.waitForState('Notes', 'Connected');
    await press(page, /^Details of Notes$/);
    await settings.row('Notes').getByText('Add a note', { exact: true }).waitFor();
    await press(page, /^Delete…$/);
    await page.getByRole('dialog', { name: 'Delete Notes?' }).waitFor();
    assert.equal(await focused(page), 'Cancel');
    await press(page, /^Delete$/);
    await settings.row('Notes').waitFor({ state: 'detached' });
    assert.equal(await focused(page), 'Add connector');
  });

  it('leaves a dialog with Escape and is back where it came from', async () => {
    const { page } = await SettingsPage.open(await stage.person(), stage.keyway.url);
    await press(page, /^Add connector$/);
    await page.getByRole('dialog').waitFor();
    await page.keyboard.press('Escape');
    await page.getByRole('dialog').waitFor({ state: 'detached' });
    assert.equal(await focused(page), 'Add connector');
  });

  async function signIn(popup) {
    await popup.getByLabel('Your name').waitFor();
    await tabTo(popup, /^Your name$/);
    await popup.keyboard.type('Ana');
    const closed = popup.waitForEvent('close');
    await press(popup, /^Allow$/);
    await closed;
  }
});
