/** @file Adding a server on the settings page and signing in to it, as people and their browsers do. */
import assert from 'node:assert/strict';
import { after, afterEach, before, describe, it } from 'node:test';
import { KINDS, Server } from '../interop/driver/servers.mjs';
import { picture } from '../tools/browser.mjs';
import { SettingsPage } from '../tools/settings_page.mjs';
import { expectAccessible } from './axe.mjs';
import { Stage, allow, deny } from './support.mjs';

describe('the settings page', { timeout: 240_000 }, () => {
  /** @type {Stage} */
  let stage;
  before(async () => (stage = await Stage.open()));
  after(() => stage?.close());
  afterEach((test) => stage.clear(test));

  const open = async (prepare) => {
    const person = await stage.person();
    if (prepare) await person.addInitScript(prepare);
    return SettingsPage.open(person, stage.keyway.url);
  };

  it('adds a server by its address, signs in, lists its tools and deletes it', async () => {
    const settings = await open();
    await allow(await settings.addAndSignIn(stage.demo.url, 'Notes'));
    await settings.waitForState('Notes', 'Connected');
    await settings.openDetails('Notes');
    await settings.row('Notes').getByText('Add a note', { exact: true }).waitFor();
    await picture(settings.page, 'settings-connected');
    await settings.remove('Notes');
    assert.deepEqual((await stage.keyway.api('GET', '/api/v1/connectors')).connectors, []);
  });

  it('adds a server for a program, which nobody signs in to', async () => {
    const registration = { client_name: 'Reports', redirect_uris: ['https://unused.example/'], token_endpoint_auth_method: 'client_secret_basic' };
    const response = await fetch(new URL('/register', stage.demo.origin), { method: 'POST', body: JSON.stringify(registration) });
    const client = await response.json();
    const settings = await open();
    const dialog = await settings.typeAddress(stage.demo.url, 'Reports');
    await dialog.getByText('Sign in without a person').click();
    await dialog.getByLabel('Who signs in').selectOption({ label: 'A program, with an account of its own' });
    await dialog.getByLabel('Proven by').selectOption({ label: 'A private key' });
    await dialog.getByLabel('Signing algorithm').waitFor();
    await dialog.getByLabel('Proven by').selectOption({ label: 'A client secret' });
    await dialog.getByLabel('Client ID').fill(client.client_id);
    await dialog.getByLabel('Client secret').fill('wrong');
    await expectAccessible(settings.page, 'the form for a program');
    await picture(settings.page, 'settings-program');
    await dialog.getByRole('button', { name: 'Add', exact: true }).click();
    await settings.waitForState('Reports', 'Not accepted');
    await settings.row('Reports').getByRole('button', { name: 'Edit credentials' }).click();
    const edit = settings.page.getByRole('dialog', { name: 'Edit Reports' });
    await edit.getByLabel('Client secret').fill(client.client_secret);
    await edit.getByRole('button', { name: 'Save' }).click();
    await settings.waitForState('Reports', 'Connected');
    await settings.openDetails('Reports');
    await settings.row('Reports').getByText('Add a note', { exact: true }).waitFor();
    await settings.remove('Reports');
  });

  it('opens the sign-in window inside the click', async () => {
    const settings = await open(() => {
      let inClick = false;
      addEventListener('click', () => {
        inClick = true;
        setTimeout(() => (inClick = false));
      }, true);
      const openWindow = window.open;
      window.open = (...args) => {
        window.openedInClick = inClick;
        return openWindow.apply(window, args);
      };
    });
    await allow(await settings.addAndSignIn(stage.demo.url, 'Clicked'));
    await settings.waitForState('Clicked', 'Connected');
    assert.equal(await settings.page.evaluate(() => window.openedInClick), true);
  });

  it('shows a link that works where the browser blocks the window', async () => {
    const settings = await open(() => {
      window.open = () => null;
    });
    const dialog = await settings.typeAddress(stage.demo.url, 'Blocked');
    await dialog.getByRole('button', { name: 'Add and sign in' }).click();
    const link = settings.row('Blocked').getByRole('link', { name: 'Open the sign-in window' });
    await link.waitFor();
    await picture(settings.page, 'settings-blocked');
    const [popup] = await Promise.all([settings.page.waitForEvent('popup'), link.click()]);
    await popup.getByLabel('Your name').fill('Ana');
    await popup.getByRole('button', { name: 'Allow' }).click();
    await settings.waitForState('Blocked', 'Connected');
  });

  it('says in words that the sign-in was declined', async () => {
    const settings = await open();
    await deny(await settings.addAndSignIn(stage.demo.url, 'Declined'));
    await settings.row('Declined').getByText('The sign-in was declined.').waitFor();
    await settings.waitForState('Declined', 'Sign in needed');
    await picture(settings.page, 'settings-declined');
  });

  it('learns of the end of a sign-in whose page cut the opener off', async () => {
    const kind = KINDS.find(({ name }) => name === 'oidc-provider');
    const server = await Server.start(kind, 300, { OPENER_POLICY: 'same-origin' });
    try {
      const settings = await open();
      const popup = await settings.addAndSignIn(server.ready.mcp_url, 'Severed');
      await popup.locator('input[name=login]').fill('Ana');
      assert.equal(await popup.evaluate(() => window.opener), null);
      await popup.locator('input[name=password]').fill('secret');
      await popup.getByRole('button', { name: 'Sign-in' }).click();
      await popup.getByRole('button', { name: 'Continue' }).click();
      await settings.waitForState('Severed', 'Connected');
    } finally {
      await server.stop();
    }
  });
});
