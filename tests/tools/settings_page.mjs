/** @file The settings page as a person uses it: by its labels and its buttons, never by its markup. */

/** The settings page in one window. */
export class SettingsPage {
  /** @param {import('playwright-core').Page} page */
  constructor(page) {
    this.page = page;
  }

  /** @param {import('playwright-core').BrowserContext} context @param {string} url of Keyway */
  static async open(context, url) {
    const page = await context.newPage();
    await page.goto(url);
    await page.getByRole('heading', { level: 1, name: 'Connectors' }).waitFor();
    return new SettingsPage(page);
  }

  /** @param {string} name of a connector @returns {import('playwright-core').Locator} its row */
  row(name) {
    const heading = this.page.getByRole('heading', { name, exact: true });
    return this.page.getByRole('listitem').filter({ has: heading });
  }

  /** Opens the dialog and types the address; Keyway tries it meanwhile. */
  async typeAddress(url, name) {
    await this.page.getByRole('button', { name: 'Add connector' }).first().click();
    const dialog = this.page.getByRole('dialog', { name: 'Add a connector' });
    await dialog.getByLabel('Server address').fill(url);
    await dialog.getByLabel('Name', { exact: true }).fill(name);
    return dialog;
  }

  /**
   * Adds a server that wants a sign-in, and presses the button that begins it.
   * @returns {Promise<import('playwright-core').Page>} the sign-in window, which that click opened
   */
  async addAndSignIn(url, name) {
    const dialog = await this.typeAddress(url, name);
    const button = dialog.getByRole('button', { name: 'Add and sign in' });
    const [popup] = await Promise.all([this.page.waitForEvent('popup'), button.click()]);
    return popup;
  }

  /** Waits until the row's state reads so. */
  async waitForState(name, label) {
    await this.row(name).getByText(label, { exact: true }).first().waitFor();
  }

  /** Opens the row's details. */
  async openDetails(name) {
    await this.row(name).getByRole('button', { name: `Details of ${name}` }).click();
  }

  /** Deletes the connector, and says so when asked. */
  async remove(name) {
    await this.row(name).getByRole('button', { name: 'Delete…' }).click();
    await this.page.getByRole('dialog', { name: `Delete ${name}?` }).getByRole('button', { name: 'Delete', exact: true }).click();
    await this.row(name).waitFor({ state: 'detached' });
  }
}
