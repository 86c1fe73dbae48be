/** @file A chat application on another origin: it embeds the page, opens it, and vouches for its user at the sign-in window. */
import assert from 'node:assert/strict';
import { after, afterEach, before, describe, it } from 'node:test';
import { picture } from '../tools/browser.mjs';
import { SettingsPage } from '../tools/settings_page.mjs';
import { until } from '../tools/wait.mjs';
import { Host } from './host.mjs';
import { Stage, allow } from './support.mjs';

/** @param {import('playwright-core').Page} page @returns {import('playwright-core').Locator} what a launch says that proves nobody */
const refusal = (page) => page.getByRole('alert').filter({ hasText: 'Go on in the window where you started' });

describe('a host on another origin', { timeout: 240_000 }, () => {
  /** @type {Stage} */
  let stage;
  /** @type {Host} */
  let host;
  before(async () => {
    host = await Host.open('ana');
    stage = await Stage.open(({ origin }) => ({ ...host.settings, KEYWAY_EGRESS_ALLOW: new URL(origin).host }));
    host.serve(stage.keyway);
  });
  after(async () => {
    await stage?.close();
    host?.close();
  });
  afterEach((test) => stage.clear(test));

  const create = (name) => host.keyway.api('POST', '/api/v1/connectors', { url: stage.demo.url, name }, host.authorization);
  const read = (id) => host.keyway.api('GET', `/api/v1/connectors/${id}`, undefined, host.authorization);

  async function visit(path) {
    const page = await (await stage.person()).newPage();
    await page.goto(host.origin + path);
    return page;
  }

  it('opens the settings page, which asks it who sits there', async () => {
    const page = await visit('/');
    const [window] = await Promise.all([page.waitForEvent('popup'), page.getByRole('button', { name: 'Open connectors' }).click()]);
    await window.getByRole('button', { name: 'Add connector' }).first().waitFor();
    const settings = new SettingsPage(window);
    await allow(await settings.addAndSignIn(stage.demo.url, 'Opened'));
    await settings.waitForState('Opened', 'Connected');
  });

  it('shows the element in its own page', async () => {
    const page = await visit('/embedded');
    await page.getByRole('button', { name: 'Add connector' }).first().waitFor();
    const settings = new SettingsPage(page);
    await allow(await settings.addAndSignIn(stage.demo.url, 'Embedded'));
    await settings.waitForState('Embedded', 'Connected');
    await picture(page, 'host-embedded');
  });

  it('vouches for its user at the sign-in window and is told the end', async () => {
    const { id } = await create('Vouched');
    host.connectorId = id;
    const page = await visit('/');
    const [popup] = await Promise.all([page.waitForEvent('popup'), page.getByRole('button', { name: 'Sign in' }).click()]);
    await allow(popup);
    assert.equal((await read(id)).state, 'ready');
    const told = await until('the message to the opener', 10, () =>
      page.evaluate(() => window.told.find(({ type }) => type === 'keyway.sign_in')),
    );
    assert.deepEqual([told.connector_id, told.status], [id, 'finished']);
  });

  it('cannot send its link to somebody else', async () => {
    const { id } = await create('Sent');
    const { authorize_url } = await host.start(id);
    const page = await (await stage.person()).newPage();
    await page.goto(authorize_url);
    await refusal(page).waitFor();
    await picture(page, 'launch-refused');
    assert.equal(new URL(page.url()).origin, stage.keyway.url);
    assert.equal((await read(id)).state, 'sign_in_required');
  });

  it('gives out links that open the page and prove nobody at a sign-in', async () => {
    const { id } = await create('Linked');
    const person = await stage.person();
    const settings = await SettingsPage.open(person, (await host.session()).url);
    await settings.waitForState('Linked', 'Sign in needed');
    assert.equal(new URL(settings.page.url()).hash, '');
    const launch = await person.newPage();
    await launch.goto((await host.start(id)).authorize_url);
    await refusal(launch).waitFor();
    assert.equal((await read(id)).state, 'sign_in_required');
  });

  it('is not answered from an origin that is not configured', async () => {
    const stranger = await Host.open('ana');
    stranger.serve(stage.keyway);
    try {
      const page = await (await stage.person()).newPage();
      await page.goto(stranger.origin);
      const [window] = await Promise.all([page.waitForEvent('popup'), page.getByRole('button', { name: 'Open connectors' }).click()]);
      await window.getByText('This page needs a session').waitFor();
      assert.deepEqual(await page.evaluate(() => window.told), []);
    } finally {
      stranger.close();
    }
  });
});
