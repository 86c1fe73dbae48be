/** @file What the browser tests share: the servers, the person, and what a person does on the demo's sign-in page. */
import { launchBrowser, newPerson, picture } from '../tools/browser.mjs';
import { startDemo } from '../tools/demo.mjs';
import { Keyway } from '../tools/keyway.mjs';

/** Keyway, the demo server and a browser, for one file of tests. */
export class Stage {
  #people = [];

  /** @param {(demo: { url: string, origin: string }) => Record<string, string>} [settings] of Keyway's environment */
  static async open(settings = () => ({})) {
    const stage = new Stage();
    try {
      stage.demo = await startDemo();
      stage.keyway = await Keyway.start({ name: 'browser-keyway', env: settings(stage.demo) });
      stage.browser = await launchBrowser();
      return stage;
    } catch (error) {
      await stage.close();
      throw error;
    }
  }

  /** @param {import('playwright-core').BrowserContextOptions} [options] @returns {Promise<import('playwright-core').BrowserContext>} */
  async person(options) {
    const person = await newPerson(this.browser, options);
    this.#people.push(person);
    return person;
  }

  /** Sends everybody home after a test; where it failed, a picture of every window stays. @param {import('node:test').TestContext} test */
  async clear(test) {
    for (const person of this.#people.splice(0)) {
      for (const [index, page] of person.pages().entries()) {
        if (!test.passed) await picture(page, `${test.name.replace(/\W+/g, '-')}-${index}`).catch(() => {});
      }
      await person.close();
    }
  }

  async close() {
    await this.browser?.close();
    await this.keyway?.stop();
    await this.demo?.stop();
  }
}

/** Signs in on the demo's page and waits for the window to close by itself. @param {import('playwright-core').Page} popup */
export async function allow(popup) {
  await popup.getByLabel('Your name').fill('Ana');
  const closed = popup.isClosed() ? undefined : popup.waitForEvent('close');
  await popup.getByRole('button', { name: 'Allow' }).click();
  await closed;
}

/** Says no on the demo's page. @param {import('playwright-core').Page} popup */
export async function deny(popup) {
  await popup.getByRole('button', { name: 'Deny' }).click();
}
