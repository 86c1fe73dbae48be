/** @file A chat application on an origin of its own: it knows its user, and Keyway trusts its tokens. */
import { createHmac, randomBytes } from 'node:crypto';
import http from 'node:http';

const ISSUER = 'https://chat.example';
const AUDIENCE = 'keyway';
const TOKEN_SECONDS = 300;

const encode = (value) => Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url');

/** @param {string} type @param {string} text */
const answer = (response, type, text) => response.writeHead(200, { 'content-type': `${type}; charset=utf-8` }).end(text);

/** The page's script: opens windows, and tells Keyway's who sits here, at exact origins both ways. */
const SCRIPT = (keyway) => `
  const KEYWAY = ${JSON.stringify(keyway)};
  const ask = async (path) => (await fetch(path)).json();
  window.told = [];
  addEventListener('message', async ({ origin, source, data }) => {
    if (origin !== KEYWAY) return;
    window.told.push(data);
    if (data.type !== 'keyway.identify' || document.querySelector('keyway-connectors')) return;
    const { token } = await ask('/session');
    source.postMessage({ type: 'keyway.session', token }, KEYWAY);
  });
  document.querySelector('#open').onclick = () => window.open(KEYWAY + '/', 'keyway', 'popup,width=900,height=700');
  document.querySelector('#sign-in').onclick = async () => {
    const popup = window.open('about:blank', 'sign-in', 'popup,width=560,height=700');
    const { authorize_url } = await ask('/start');
    popup.location.replace(authorize_url);
  };`;

const PAGE = (keyway) => `<!doctype html><html lang="en"><title>Chat</title><h1>Chat</h1>
  <button id="open">Open connectors</button> <button id="sign-in">Sign in</button><script>${SCRIPT(keyway)}</script>`;

const EMBEDDED = (keyway) => `<!doctype html><html lang="en"><title>Chat</title><h1>Chat</h1>
  <script type="module" src="${keyway}/keyway-connectors.js"></script>
  <script type="module">
    const element = document.createElement('keyway-connectors');
    element.session = (await (await fetch('/session')).json()).token;
    document.body.append(element);
  </script>`;

/** The application's server, for one user. */
export class Host {
  #secret = randomBytes(32).toString('base64url');
  #server = http.createServer((request, response) =>
    this.#route(request.url, response).catch((error) => response.writeHead(500).end(error.message)),
  );

  /** @param {string} user */
  static async open(user) {
    const host = new Host();
    host.user = user;
    await new Promise((resolve) => host.#server.listen(0, '127.0.0.1', resolve));
    host.origin = `http://127.0.0.1:${host.#server.address().port}`;
    return host;
  }

  /** What Keyway must be told to trust this application. @returns {Record<string, string>} */
  get settings() {
    return {
      KEYWAY_AUTH: 'tokens',
      KEYWAY_HOST_ORIGINS: this.origin,
      KEYWAY_JWT_SECRET: this.#secret,
      KEYWAY_JWT_ISSUER: ISSUER,
      KEYWAY_JWT_AUDIENCE: AUDIENCE,
    };
  }

  /** @returns {Record<string, string>} the headers with which the application speaks for its user */
  get authorization() {
    const now = Math.floor(Date.now() / 1000);
    const claims = { iss: ISSUER, aud: AUDIENCE, sub: this.user, iat: now, exp: now + TOKEN_SECONDS };
    const signed = `${encode({ alg: 'HS256', typ: 'JWT' })}.${encode(claims)}`;
    const signature = createHmac('sha256', this.#secret).update(signed).digest('base64url');
    return { authorization: `Bearer ${signed}.${signature}` };
  }

  /** @param {import('../tools/keyway.mjs').Keyway} keyway */
  serve(keyway) {
    this.keyway = keyway;
  }

  /** A session of its user's at Keyway. @returns {Promise<{ token: string, url: string }>} */
  session() {
    return this.keyway.api('POST', '/api/v1/sessions', { user_id: this.user }, this.authorization);
  }

  /** Begins a sign-in from this application's page. @returns {Promise<{ authorize_url: string, authorization_session_id: string }>} */
  start(connectorId) {
    return this.keyway.api('POST', `/api/v1/connectors/${connectorId}/oauth/start`, { origin: this.origin }, this.authorization);
  }

  async #route(path, response) {
    if (path === '/') return answer(response, 'text/html', PAGE(this.keyway.url));
    if (path === '/embedded') return answer(response, 'text/html', EMBEDDED(this.keyway.url));
    if (path === '/session') return answer(response, 'application/json', JSON.stringify(await this.session()));
    if (path === '/start') return answer(response, 'application/json', JSON.stringify(await this.start(this.connectorId)));
    return response.writeHead(404).end();
  }

  close() {
    this.#server.close();
    this.#server.closeAllConnections();
  }
}
