/** @file Finds the form on a page and fills it in, as far as the pages of the interop servers need it. */

/** The person at the browser; whatever a sign-in page asks is answered from here. */
export const PERSON = { email: 'alice@example.com', password: 'password1234', text: 'alice' };
/** What a button is called that refuses. */
export const REFUSING = /deny|cancel|reject|decline|abort|\bno\b/i;

const ENTITIES = { amp: '&', quot: '"', lt: '<', gt: '>', apos: "'" };
const unescape = (text) =>
  text.replace(/&(?:#(\d+)|#x([0-9a-f]+)|(\w+));/gi, (whole, decimal, hex, name) => {
    if (name) return ENTITIES[name] ?? whole;
    return String.fromCodePoint(decimal ? Number(decimal) : Number.parseInt(hex, 16));
  });

/** @param {string} tag an opening tag @returns {Record<string, string>} its attributes, names in lower case */
function attributesOf(tag) {
  const found = tag.replace(/^<\w+/, '').matchAll(/([\w-]+)(?:\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s>]+)))?/g);
  return Object.fromEntries([...found].map(([, name, ...values]) => [name.toLowerCase(), unescape(values.find((v) => v !== undefined) ?? '')]));
}

/** Fields of one input, as a browser would send it after the person typed. */
function typed({ name, value = '', type = 'text', checked }) {
  if (!name || type === 'submit' || type === 'button') return [];
  if (type === 'checkbox') return checked === undefined ? [] : [[name, value || 'on']];
  return [[name, value || (PERSON[type] ?? '')]];
}

/** @param {string} content between the form's tags @returns {[string, string][]} the fields of the button that agrees */
function agreeing(content) {
  const buttons = [...content.matchAll(/(<button\b[^>]*>)([\s\S]*?)<\/button>/gi)].map(([, tag, label]) => ({ label, ...attributesOf(tag) }));
  const inputs = [...content.matchAll(/<input\b[^>]*>/gi)].map(([tag]) => attributesOf(tag)).filter(({ type }) => type === 'submit');
  const chosen = [...buttons, ...inputs].find(({ label, value, type }) => type !== 'button' && !REFUSING.test(`${label ?? ''} ${value ?? ''}`));
  return chosen?.name ? [[chosen.name, chosen.value ?? '']] : [];
}

/**
 * @param {string} html
 * @param {URL} url of the page
 * @returns {{ url: URL, method: string, fields: URLSearchParams } | undefined} the first form, filled in, with the button that agrees
 */
export function filledForm(html, url) {
  const found = /(<form\b[^>]*>)([\s\S]*?)(?:<\/form>|$)/i.exec(html);
  if (!found) return undefined;
  const { action = '', method = 'get' } = attributesOf(found[1]);
  const inputs = [...found[2].matchAll(/<input\b[^>]*>/gi)].flatMap(([tag]) => typed(attributesOf(tag)));
  return {
    url: new URL(action || url, url),
    method: method.toUpperCase(),
    fields: new URLSearchParams([...inputs, ...agreeing(found[2])]),
  };
}
