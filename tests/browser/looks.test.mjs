/** @file How the pages hold on a phone, in the dark, and under axe-core. */
import assert from 'node:assert/strict';
import { after, afterEach, before, describe, it } from 'node:test';
import { picture } from '../tools/browser.mjs';
import { SettingsPage } from '../tools/settings_page.mjs';
import { expectAccessible } from './axe.mjs';
import { Stage, allow } from './support.mjs';

const PHONE = { viewport: { width: 360, height: 740 }, hasTouch: true, isMobile: true };

describe('the pages', { timeout: 240_000 }, () => {
  /** @type {Stage} */
  let stage;
  before(async () => (stage = await Stage.open()));
  after(() => stage?.close());
  afterEach((test) => stage.clear(test));

  /** Brings the settings page through its states; `look` is called in each of them. */
  async function walk(options, look) {
    const settings = await SettingsPage.open(await stage.person(options), stage.keyway.url);
    await look(settings.page, 'empty');
    const dialog = await settings.typeAddress(stage.demo.url, 'Notes');
    await dialog.getByRole('button', { name: 'Add and sign in' }).waitFor();
    await look(settings.page, 'dialog');
    await dialog.getByRole('button', { name: 'Cancel' }).click();
    await allow(await settings.addAndSignIn(stage.demo.url, 'Notes'));
    await settings.waitForState('Notes', 'Connected');
    await settings.openDetails('Notes');
    await settings.row('Notes').getByText('Add a note', { exact: true }).waitFor();
    await look(settings.page, 'connected');
    await settings.row('Notes').getByRole('button', { name: 'Sign out' }).click();
    await settings.waitForState('Notes', 'Sign in needed');
    await look(settings.page, 'sign-in-needed');
    await settings.row('Notes').getByRole('button', { name: 'Delete…' }).click();
    await settings.page.getByRole('dialog', { name: 'Delete Notes?' }).waitFor();
    await look(settings.page, 'delete');
    await settings.page.getByRole('button', { name: 'Delete', exact: true }).click();
    await settings.row('Notes').waitFor({ state: 'detached' });
  }

  it('fit a phone of 360 pixels without scrolling sideways', async () => {
    await walk(PHONE, async (page, state) => {
      const widths = await page.evaluate(() => [document.scrollingElement.scrollWidth, document.scrollingElement.clientWidth]);
      await picture(page, `phone-${state}`);
      assert.deepEqual(widths, [360, 360], `${state} is wider than the phone`);
    });
  });

  for (const colorScheme of ['light', 'dark']) {
    it(`let everybody in when it is ${colorScheme}`, async () => {
      await walk({ colorScheme }, async (page, state) => {
        await picture(page, `${colorScheme}-${state}`);
        await expectAccessible(page, `${state}, ${colorScheme}`);
      });
    });
  }

  it('are dark for those who like it dark', async () => {
    const brightness = async (colorScheme) => {
      const { page } = await SettingsPage.open(await stage.person({ colorScheme }), stage.keyway.url);
      const colors = await page.evaluate(() => [document.body, document.documentElement].map((e) => getComputedStyle(e).backgroundColor));
      const painted = colors.find((color) => color !== 'rgba(0, 0, 0, 0)');
      return Math.max(...painted.match(/[\d.]+/g).slice(0, 3).map(Number));
    };
    assert.ok((await brightness('light')) > 200);
    assert.ok((await brightness('dark')) < 80);
  });

  it('say it accessibly when a sign-in window has come to nothing', async () => {
    const page = await (await stage.person()).newPage();
    const response = await page.goto(`${stage.keyway.url}/oauth/done/invalid`);
    assert.equal(response.status(), 400);
    await picture(page, 'done-invalid');
    await expectAccessible(page, 'the closing page');
  });
});
