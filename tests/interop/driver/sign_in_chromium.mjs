/** @file A sign-in in Chromium, through the settings page: add the address, click, walk the window that opens. */
import { newPerson, picture } from '../../tools/browser.mjs';
import { SettingsPage } from '../../tools/settings_page.mjs';
import { pause } from '../../tools/wait.mjs';
import { PERSON, REFUSING } from './html_form.mjs';

const WALK_SECONDS = 45;

/** Types into every empty field that shows. */
async function fillIn(popup) {
  for (const field of await popup.locator('input:visible').all()) {
    const type = (await field.getAttribute('type')) ?? 'text';
    if (PERSON[type] && !(await field.inputValue())) await field.fill(PERSON[type]);
  }
}

/** @returns {Promise<boolean>} whether there was a button that agrees, and it was pressed */
async function agree(popup) {
  for (const button of await popup.locator('button:visible, input[type=submit]:visible').all()) {
    const label = `${await button.textContent()} ${(await button.getAttribute('value')) ?? ''}`;
    if (REFUSING.test(label)) continue;
    await button.click();
    return true;
  }
  return false;
}

/**
 * Does what a person would in the sign-in window, until it closes by itself.
 * @param {import('playwright-core').Page} popup
 */
export async function walkSignInWindow(popup) {
  const end = Date.now() + WALK_SECONDS * 1000;
  while (!popup.isClosed()) {
    if (Date.now() > end) throw new Error(`the sign-in window still shows ${popup.url()} after ${WALK_SECONDS} s`);
    try {
      await fillIn(popup);
      await agree(popup);
    } catch (error) {
      // the page went on to the next one, or closed, while it was looked at
      if (!popup.isClosed() && !/navigat|detached|closed|destroyed|Timeout/i.test(error.message)) throw error;
    }
    await pause(100);
  }
}

/** Waits for the end of the sign-in, and repeats what the page says where that is not the good one. */
async function expectConnected(row) {
  const alert = row.getByRole('alert').filter({ hasText: /\S/ });
  await row.getByText('Connected', { exact: true }).or(alert).first().waitFor();
  if (await alert.count()) throw new Error(`the settings page says: ${await alert.first().innerText()}`);
}

/**
 * Adds the server on the settings page, signs in, and keeps a picture of the row.
 * @param {import('playwright-core').Browser} browser
 * @param {string} keywayUrl
 * @param {{ mcpUrl: string, name: string, pictureName: string }} server
 */
export async function signInWithChromium(browser, keywayUrl, { mcpUrl, name, pictureName }) {
  const person = await newPerson(browser);
  try {
    const settings = await SettingsPage.open(person, keywayUrl);
    const popup = await settings.addAndSignIn(mcpUrl, name);
    await walkSignInWindow(popup);
    await expectConnected(settings.row(name));
    await picture(settings.page, pictureName);
  } catch (error) {
    for (const page of person.pages()) await picture(page, `${pictureName}-failed`).catch(() => {});
    throw error;
  } finally {
    await person.close();
  }
}
