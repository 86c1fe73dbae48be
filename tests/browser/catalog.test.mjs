/** @file Picking a server from the catalog instead of typing its address. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import os from 'node:os';
import path from 'node:path';
import { after, afterEach, before, describe, it } from 'node:test';
import { picture } from '../tools/browser.mjs';
import { SettingsPage } from '../tools/settings_page.mjs';
import { expectAccessible } from './axe.mjs';
import { Stage, allow } from './support.mjs';

const HELP = 'https://byhand.example/register';

/** A server that asks for a sign-in and whose authorization server registers nobody. */
async function serverWithoutRegistration() {
  const server = http.createServer(({ url }, response) => {
    const origin = `http://127.0.0.1:${server.address().port}`;
    const documents = {
      '/.well-known/oauth-protected-resource/mcp': { resource: `${origin}/mcp`, authorization_servers: [origin] },
      '/.well-known/oauth-authorization-server': {
        issuer: origin,
        authorization_endpoint: `${origin}/authorize`,
        token_endpoint: `${origin}/token`,
        code_challenge_methods_supported: ['S256'],
      },
    };
    const document = documents[url];
    if (document) return response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(document));
    return response.writeHead(401, { 'www-authenticate': 'Bearer' }).end();
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  return { url: `http://127.0.0.1:${server.address().port}/mcp`, stop: () => server.close() };
}

describe('the catalog in the add dialog', { timeout: 120_000 }, () => {
  /** @type {Stage} */
  let stage;
  let byHand;
  let folder;
  before(async () => {
    byHand = await serverWithoutRegistration();
    folder = mkdtempSync(path.join(os.tmpdir(), 'keyway-catalog-'));
    stage = await Stage.open((demo) => {
      const file = path.join(folder, 'catalog.toml');
      const notes = `[preset.demo-notes]\nname = "Demo notes"\nicon = "📝"\nurl = "${demo.url}"\n`;
      const hand = `[preset.by-hand]\nname = "By hand"\nurl = "${byHand.url}"\nregistration_help_url = "${HELP}"\n`;
      writeFileSync(file, notes + hand);
      return { KEYWAY_CATALOG: file };
    });
  });
  after(async () => {
    await stage?.close();
    byHand?.stop();
    if (folder) rmSync(folder, { recursive: true, force: true });
  });
  afterEach((test) => stage.clear(test));

  const open = async (options) => {
    const settings = await SettingsPage.open(await stage.person(options), stage.keyway.url);
    await settings.page.getByRole('button', { name: 'Add connector' }).first().click();
    return { settings, dialog: settings.page.getByRole('dialog', { name: 'Add a connector' }) };
  };

  it('finds a server by name, fills its address in, and signs in', async () => {
    const { settings, dialog } = await open();
    const presets = dialog.getByRole('group', { name: 'Pick a server' });
    await presets.getByRole('button', { name: /^GitHub/ }).waitFor();
    await presets.getByLabel('Find a server').fill('demo');
    await presets.getByRole('button', { name: /^GitHub/ }).waitFor({ state: 'detached' });
    const demo = presets.getByRole('button', { name: /^Demo notes/ });
    await demo.click();
    assert.equal(await demo.getAttribute('aria-pressed'), 'true');
    assert.equal(await dialog.getByLabel('Server address').inputValue(), stage.demo.url);
    const add = dialog.getByRole('button', { name: 'Add and sign in' });
    await add.waitFor();
    await expectAccessible(settings.page, 'the dialog with presets');
    const [popup] = await Promise.all([settings.page.waitForEvent('popup'), add.click()]);
    await allow(popup);
    await settings.waitForState('Demo notes', 'Connected');
  });

  it('says so where no server has the name', async () => {
    const { dialog } = await open();
    await dialog.getByLabel('Find a server').fill('nobody knows this');
    await dialog.getByText('None by that name. Paste its address below.').waitFor();
  });

  it('shows where to register a client by hand, and the redirect address', async () => {
    const { settings, dialog } = await open({ colorScheme: 'dark' });
    await dialog.getByRole('button', { name: /^By hand/ }).click();
    const link = dialog.getByRole('link', { name: 'Register a client' });
    assert.equal(await link.getAttribute('href'), HELP);
    const redirect = dialog.getByLabel('Redirect address to register there');
    await redirect.waitFor();
    assert.equal(await redirect.inputValue(), `${stage.keyway.url}/oauth/callback`);
    await picture(settings.page, 'catalog-by-hand');
    await expectAccessible(settings.page, 'the dialog with a client by hand');
    await dialog.getByLabel('Server address').fill(stage.demo.url);
    await link.waitFor({ state: 'detached' });
  });
});
