/** @file Importing an mcp.json on the settings page: read, chosen from, completed, added one after another. */
import assert from 'node:assert/strict';
import { after, afterEach, before, describe, it } from 'node:test';
import { picture } from '../tools/browser.mjs';
import { SettingsPage } from '../tools/settings_page.mjs';
import { expectAccessible } from './axe.mjs';
import { Stage } from './support.mjs';

const PHONE = { viewport: { width: 360, height: 740 }, hasTouch: true, isMobile: true };

/** @param {import('playwright-core').Locator} element @returns {Promise<boolean>} */
const isFocused = (element) => element.evaluate((own) => own.getRootNode().activeElement === own);

describe('an mcp.json', { timeout: 120_000 }, () => {
  /** @type {Stage} */
  let stage;
  before(async () => {
    stage = await Stage.open();
    await stage.keyway.api('POST', '/api/v1/connectors', { url: `${stage.demo.origin}/old`, name: 'Old', auth_type: 'headers' });
  });
  after(() => stage?.close());
  afterEach((test) => stage.clear(test));

  const file = () =>
    JSON.stringify({
      servers: {
        'Demo notes': { type: 'http', url: stage.demo.url },
        Keys: { url: `${stage.demo.origin}/keys`, headers: { Authorization: 'Bearer ${input:key}' } },
        Private: { url: 'http://10.0.0.1/mcp', headers: { 'X-Key': 'secret' } },
        Unwanted: { url: `${stage.demo.origin}/unwanted` },
        Again: { url: `${stage.demo.origin}/old` },
        Files: { command: 'npx', args: ['files'] },
      },
    });

  /** Opens the dialog and has the text read. */
  async function read(page, text) {
    await page.getByRole('button', { name: 'Import', exact: true }).click();
    const dialog = page.getByRole('dialog', { name: 'Import connectors' });
    await dialog.getByLabel('Contents of your mcp.json').fill(text);
    await dialog.getByRole('button', { name: 'Continue' }).click();
    return dialog;
  }

  it('is pasted, chosen from, completed and added, and tells how it went with each server', async () => {
    const settings = await SettingsPage.open(await stage.person(), stage.keyway.url);
    const { page } = settings;
    const dialog = await read(page, '{ // mine\n}');
    await dialog.getByRole('alert').getByText('This is not JSON.').waitFor();
    await dialog.getByLabel('Contents of your mcp.json').fill(file());
    await dialog.getByRole('button', { name: 'Continue' }).press('Enter');

    assert.ok(await isFocused(dialog.getByRole('checkbox', { name: 'Demo notes' })), 'the focus is at the first server');
    await dialog.getByText('You have it already: Old.').waitFor();
    await dialog.getByText('It is a program to be started.').waitFor();
    assert.equal(await dialog.getByRole('checkbox').count(), 4);
    await dialog.getByRole('checkbox', { name: 'Unwanted' }).press('Space');
    await dialog.getByLabel('Value of Authorization').fill('the-key');
    await dialog.getByLabel('Value of Authorization').press('Enter');

    await dialog.getByRole('status').getByText('2 added, 1 not.').waitFor();
    const rows = dialog.getByRole('listitem');
    await rows.filter({ hasText: 'Demo notes' }).getByText('Added: Sign in needed').waitFor();
    await rows.filter({ hasText: 'Private' }).getByText('the address is not public').waitFor();
    const again = dialog.getByRole('button', { name: 'Add 1 connector' });
    assert.ok(await isFocused(again), 'the focus is at the button');
    await dialog.getByRole('checkbox', { name: 'Private' }).press('Space');
    await dialog.getByRole('button', { name: 'Done' }).press('Enter');

    assert.ok(await isFocused(page.getByRole('button', { name: 'Import', exact: true })), 'the focus is back');
    await settings.waitForState('Demo notes', 'Sign in needed');
    const { connectors } = await stage.keyway.api('GET', '/api/v1/connectors');
    const keys = connectors.find(({ name }) => name === 'Keys');
    assert.deepEqual(keys.header_names, ['Authorization']);
    assert.ok(!connectors.some(({ name }) => name === 'Unwanted'));
  });

  for (const colorScheme of ['light', 'dark']) {
    it(`lets everybody in when it is ${colorScheme}, from a file, on a phone`, async () => {
      const { page } = await SettingsPage.open(await stage.person({ ...PHONE, colorScheme }), stage.keyway.url);
      await page.getByRole('button', { name: 'Import', exact: true }).click();
      const dialog = page.getByRole('dialog', { name: 'Import connectors' });
      await picture(page, `import-source-${colorScheme}`);
      await expectAccessible(page, `source, ${colorScheme}`);
      const servers = { Wide: { url: `https://${'wide'.repeat(15)}.example/mcp`, headers: { 'X-Key': '${KEY}' } }, Files: { command: 'npx' } };
      const buffer = Buffer.from(JSON.stringify({ mcpServers: servers }));
      await dialog.getByLabel('Or choose the file').setInputFiles({ name: 'mcp.json', mimeType: 'application/json', buffer });
      await dialog.getByLabel('Value of X-Key').waitFor();
      await picture(page, `import-servers-${colorScheme}`);
      await expectAccessible(page, `servers, ${colorScheme}`);
      assert.ok(await dialog.evaluate((own) => own.scrollWidth <= own.clientWidth), 'nothing sticks out');
    });
  }
});
