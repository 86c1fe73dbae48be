/** @file An ordinary cookie jar (RFC 6265 §5): host-only cookies, paths, expiry. */

/** @param {string} cookiePath @param {string} pathname @returns {boolean} RFC 6265 §5.1.4 */
function pathMatches(cookiePath, pathname) {
  if (!pathname.startsWith(cookiePath)) return false;
  return pathname.length === cookiePath.length || cookiePath.endsWith('/') || pathname[cookiePath.length] === '/';
}

/** @param {string} pathname of the request @returns {string} the folder of it, RFC 6265 §5.1.4 */
const defaultPath = (pathname) => pathname.slice(0, Math.max(1, pathname.lastIndexOf('/')));

/** @param {Map<string, string>} attributes @returns {boolean} whether the server takes the cookie back */
function isRemoval(attributes) {
  if (attributes.has('max-age')) return Number(attributes.get('max-age')) <= 0;
  return attributes.has('expires') && Date.parse(attributes.get('expires')) <= Date.now();
}

/** Cookies of one person's browser. */
export class CookieJar {
  #cookies = new Map();

  /** @param {URL} url that answered @param {string[]} lines of `Set-Cookie` */
  keep(url, lines) {
    for (const line of lines) {
      const [pair, ...rest] = line.split(';').map((part) => part.trim());
      const attributes = new Map(rest.map((part) => [part.split('=')[0].toLowerCase(), part.slice(part.indexOf('=') + 1)]));
      const equals = pair.indexOf('=');
      const name = pair.slice(0, equals);
      const asked = attributes.get('path');
      const path = asked?.startsWith('/') ? asked : defaultPath(url.pathname);
      const key = `${url.hostname} ${path} ${name}`;
      if (isRemoval(attributes)) this.#cookies.delete(key);
      else this.#cookies.set(key, { host: url.hostname, path, name, value: pair.slice(equals + 1) });
    }
  }

  /** @param {URL} url to be asked @returns {string} the value of `Cookie`, empty where there is none; ports do not separate cookies */
  header(url) {
    return [...this.#cookies.values()]
      .filter((cookie) => cookie.host === url.hostname && pathMatches(cookie.path, url.pathname))
      .sort((a, b) => b.path.length - a.path.length)
      .map((cookie) => `${cookie.name}=${cookie.value}`)
      .join('; ');
  }
}
