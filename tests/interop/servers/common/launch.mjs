/** @file What the launch scripts of the Node servers share: settings, counting, the control address, the ready line. */
import { readFileSync } from 'node:fs';
import http from 'node:http';

const HOST = '127.0.0.1';

/** @param {string} name @returns {number} a whole number from the environment */
function numberFrom(name) {
  const value = Number(process.env[name]);
  if (!Number.isInteger(value) || value <= 0) throw new Error(`${name} must be a positive whole number`);
  return value;
}

/**
 * Ports of the MCP server, of the authorization server and of the control address; `ttl` is the access token's life in seconds.
 * @returns {{ port: number, authorizationPort: number, controlPort: number, ttl: number }}
 */
export const settings = () => ({
  port: numberFrom('PORT'),
  authorizationPort: numberFrom('AUTHORIZATION_PORT'),
  controlPort: numberFrom('CONTROL_PORT'),
  ttl: numberFrom('TTL'),
});

/** Counts what an authorization server truly receives, without taking anything out of the request's way. */
export class Counts {
  refresh_requests = 0;
  refresh_successes = 0;
  registrations = 0;

  /** @param {{ token: string, registration: string }} paths of the two endpoints */
  constructor(paths) {
    Object.defineProperty(this, 'paths', { value: paths, enumerable: false });
  }

  /** @param {http.IncomingMessage} request whose headers are in and whose body is not @param {http.ServerResponse} response */
  observe(request, response) {
    const path = new URL(request.url, `http://${HOST}`).pathname;
    if (request.method !== 'POST') return;
    if (path === this.paths.registration) response.once('finish', () => (this.registrations += Number(response.statusCode < 300)));
    if (path === this.paths.token) this.#observeToken(request, response);
  }

  #observeToken(request, response) {
    const chunks = [];
    const push = request.push;
    // the parser hands the body over by push; a listener would make the stream flow before the server reads it
    request.push = function (chunk, ...rest) {
      if (chunk) chunks.push(chunk);
      return push.call(this, chunk, ...rest);
    };
    response.once('finish', () => {
      const form = new URLSearchParams(Buffer.concat(chunks).toString('utf8'));
      if (form.get('grant_type') !== 'refresh_token') return;
      this.refresh_requests += 1;
      this.refresh_successes += Number(response.statusCode === 200);
    });
  }
}

/** @param {http.Server} server @param {number} port on loopback @returns {Promise<void>} */
export const listen = (server, port) =>
  new Promise((resolve, reject) => server.once('error', reject).listen(port, HOST, resolve));

/**
 * `GET /` answers the counts; `POST /revoke_all` ends every grant of the server.
 * @param {number} port
 * @param {Counts} counts
 * @param {() => void | Promise<void>} revokeAll
 */
async function startControl(port, counts, revokeAll) {
  const server = http.createServer(async (request, response) => {
    const asked = `${request.method} ${request.url}`;
    if (asked === 'POST /revoke_all') await revokeAll();
    response.writeHead(['GET /', 'POST /revoke_all'].includes(asked) ? 200 : 404, { 'content-type': 'application/json' });
    response.end(JSON.stringify(counts));
  });
  await listen(server, port);
  return `http://${HOST}:${port}`;
}

/** @param {string} directory of the launch script @param {string} name of an installed package @returns {string} its version */
export const versionOf = (directory, name) =>
  JSON.parse(readFileSync(`${directory}/node_modules/${name}/package.json`, 'utf8')).version;

/**
 * Opens the control address, prints the ready line, and ends this process when whoever started it is gone.
 * @param {{ mcpUrl: string, version: string, controlPort: number, counts: Counts, revokeAll: () => void | Promise<void> }} server
 */
export async function ready({ mcpUrl, version, controlPort, counts, revokeAll }) {
  const control = await startControl(controlPort, counts, revokeAll);
  process.stdin.resume().once('end', () => process.exit(0));
  process.stdout.write(`${JSON.stringify({ mcp_url: mcpUrl, control_url: control, version })}\n`);
}
