/** @file A sign-in without a browser: redirects, cookies and forms over plain HTTP. */
import { once } from 'node:events';
import http from 'node:http';
import { text } from 'node:stream/consumers';
import { CookieJar } from './cookie_jar.mjs';
import { filledForm } from './html_form.mjs';

const MOST_STEPS = 25;
const STEP_SECONDS = 20;

/**
 * One request as the person's browser would send it: `fetch` would call itself a script, which some servers answer with JSON.
 * @param {CookieJar} jar
 * @param {{ url: URL, method: string, fields?: URLSearchParams }} step
 * @param {URL} [from] the page it was sent from
 * @returns {Promise<{ status: number, location?: string, html: string }>}
 */
async function ask(jar, { url, method, fields }, from) {
  const headers = { accept: 'text/html,application/xhtml+xml', 'sec-fetch-mode': 'navigate', cookie: jar.header(url) };
  if (method === 'POST') headers['content-type'] = 'application/x-www-form-urlencoded';
  if (method === 'POST' && from) headers.origin = from.origin;
  const request = http.request(url, { method, headers, signal: AbortSignal.timeout(STEP_SECONDS * 1000) });
  request.end(method === 'POST' ? String(fields) : undefined);
  const [response] = await once(request, 'response');
  jar.keep(url, response.headers['set-cookie'] ?? []);
  return { status: response.statusCode, location: response.headers.location, html: await text(response) };
}

/** @returns {{ url: URL, method: string, fields?: URLSearchParams }} where the answer sends the person next */
function next({ status, location, html }, url) {
  if (status >= 300 && status < 400 && location) return { url: new URL(location, url), method: 'GET' };
  const form = status === 200 ? filledForm(html, url) : undefined;
  if (!form) throw new Error(`${url.origin}${url.pathname} answered ${status} without a form: ${html.slice(0, 200)}`);
  if (form.method === 'GET') return { url: new URL(`?${form.fields}`, form.url), method: 'GET' };
  return form;
}

/**
 * Walks from Keyway's launch address through the authorization server and back to Keyway's closing page.
 * @param {string} authorizeUrl
 * @param {CookieJar} [jar] of this person's browser
 * @returns {Promise<{ status: number, html: string }>} the closing page
 */
export async function signInOverHttp(authorizeUrl, jar = new CookieJar()) {
  const home = new URL(authorizeUrl).origin;
  let step = { url: new URL(authorizeUrl), method: 'GET' };
  let from;
  for (let count = 0; count < MOST_STEPS; count += 1) {
    const answer = await ask(jar, step, from);
    if (step.url.origin === home && step.url.pathname.startsWith('/oauth/done/')) return answer;
    from = step.url;
    step = next(answer, step.url);
  }
  throw new Error(`the sign-in did not come back within ${MOST_STEPS} steps`);
}
