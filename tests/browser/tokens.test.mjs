/** @file Personal tokens on the settings page: made, copied once, used by a client, revoked. */
import assert from 'node:assert/strict';
import { after, afterEach, before, describe, it } from 'node:test';
import { picture } from '../tools/browser.mjs';
import { SettingsPage } from '../tools/settings_page.mjs';
import { expectAccessible } from './axe.mjs';
import { Host } from './host.mjs';
import { Stage } from './support.mjs';

const PHONE = { viewport: { width: 360, height: 740 }, hasTouch: true, isMobile: true };

describe('personal tokens', { timeout: 120_000 }, () => {
  /** @type {Stage} */
  let stage;
  /** @type {Host} */
  let host;
  before(async () => {
    host = await Host.open('ana');
    stage = await Stage.open(({ origin }) => ({ ...host.settings, KEYWAY_EGRESS_ALLOW: new URL(origin).host }));
    host.serve(stage.keyway);
    for (const name of ['Notes', 'Tasks']) {
      await stage.keyway.api('POST', '/api/v1/connectors', { url: stage.demo.url, name }, host.authorization);
    }
  });
  after(async () => {
    await stage?.close();
    host?.close();
  });
  afterEach((test) => stage.clear(test));

  /** Opens the page by a link of the host's, in a window of its own. */
  async function open(options) {
    const page = await (await stage.person(options)).newPage();
    await page.goto((await host.session()).url);
    await page.getByRole('heading', { name: 'Personal tokens' }).waitFor();
    return page;
  }

  /** What a client gets that shows the token. @returns {Promise<number>} the status */
  async function statusAt(path, token) {
    const body = { jsonrpc: '2.0', id: 1, method: 'tools/list' };
    const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json', accept: 'application/json, text/event-stream' };
    return (await fetch(stage.keyway.url + path, { method: 'POST', headers, body: JSON.stringify(body) })).status;
  }

  /** Makes a token for the connector Notes. @returns {Promise<string>} it */
  async function make(page, name, look = () => {}) {
    await page.getByRole('button', { name: 'Make a token' }).click();
    const dialog = page.getByRole('dialog', { name: 'Make a personal token' });
    await dialog.getByLabel('Name').fill(name);
    await dialog.getByRole('button', { name: 'Make a token' }).click();
    await dialog.getByText('Choose at least one connector.').waitFor();
    await dialog.getByRole('checkbox', { name: 'Notes' }).check();
    await look('form');
    await dialog.getByRole('button', { name: 'Make a token' }).click();
    const made = page.getByRole('dialog', { name: 'Your new token' });
    const field = made.getByRole('textbox', { name: 'Token' });
    const token = await field.inputValue();
    assert.ok(await field.evaluate((input) => input.getRootNode().activeElement === input), 'the focus is at the token');
    await look('made');
    await made.getByRole('button', { name: 'Done' }).click();
    return token;
  }

  it('are made for some connectors, shown once, and revoked', async () => {
    const page = await open();
    const token = await make(page, 'Laptop');
    assert.match(token, /^kwpt_/);
    assert.equal(await statusAt('/mcp/notes', token), 200);
    assert.equal(await statusAt('/mcp/tasks', token), 404);
    await page.reload();
    const row = new SettingsPage(page).row('Laptop');
    await row.getByText('Notes', { exact: true }).waitFor();
    assert.ok(!(await page.content()).includes(token));
    await row.getByRole('button', { name: 'Revoke… Laptop' }).click();
    await page.getByRole('dialog', { name: 'Revoke Laptop?' }).getByRole('button', { name: 'Revoke', exact: true }).click();
    await row.waitFor({ state: 'detached' });
    assert.equal(await statusAt('/mcp/notes', token), 401);
    const button = page.getByRole('button', { name: 'Make a token' });
    assert.ok(await button.evaluate((own) => own.getRootNode().activeElement === own), 'the focus is not lost');
  });

  for (const colorScheme of ['light', 'dark']) {
    it(`let everybody in when it is ${colorScheme}, on a phone`, async () => {
      const page = await open({ ...PHONE, colorScheme });
      await make(page, `Phone, ${colorScheme}`, async (state) => {
        await picture(page, `tokens-${state}-${colorScheme}`);
        await expectAccessible(page, `${state}, ${colorScheme}`);
      });
      await new SettingsPage(page).row(`Phone, ${colorScheme}`).waitFor();
      await picture(page, `tokens-list-${colorScheme}`);
      await expectAccessible(page, `list, ${colorScheme}`);
      const widths = await page.evaluate(() => [document.scrollingElement.scrollWidth, document.scrollingElement.clientWidth]);
      assert.deepEqual(widths, [360, 360]);
    });
  }

  it('are not offered where the page has no session cookie of its own', async () => {
    const page = await (await stage.person()).newPage();
    const asked = page.waitForResponse((response) => response.url().endsWith('/personal-tokens'));
    await page.goto(`${host.origin}/embedded`);
    assert.equal((await (await asked).json()).can_create, false);
    await page.getByRole('heading', { name: 'Notes' }).waitFor();
    assert.equal(await page.getByRole('heading', { name: 'Personal tokens' }).count(), 0);
  });
});
