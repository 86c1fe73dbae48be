/** @file The servers of the interop run: how each is started, what is called on it, what it does not offer. */
import path from 'node:path';
import { TESTS } from '../../tools/paths.mjs';
import { freePorts } from '../../tools/ports.mjs';
import { start } from '../../tools/process.mjs';

const NODE = process.env.KEYWAY_TEST_NODE || process.execPath;
const PYTHON = process.env.KEYWAY_TEST_PYTHON || path.join(TESTS, '.cache', 'python', 'bin', 'python');
const node = { command: NODE, script: 'server.mjs' };
const python = { command: PYTHON, script: 'server.py' };
const ADD = { tool: 'add', arguments: { a: 19, b: 23 }, answer: /42/ };
const WHOAMI = { tool: 'whoami', arguments: {}, answer: /"sub"/ };

/**
 * @typedef {object} Kind
 * @property {string} name its folder under `servers`, unless `folder` names that
 * @property {string} [folder]
 * @property {Record<string, string>} [settings] of its environment
 * @property {{ command: string, script: string }} runtime
 * @property {{ tool: string, arguments: object, answer: RegExp }} call a tool that needs a sign-in, and what it answers
 * @property {boolean} refreshes whether it gives refresh tokens
 */

/** @type {Kind[]} */
export const KINDS = [
  { name: 'oidc-provider', runtime: node, call: WHOAMI, refreshes: true },
  {
    name: 'oidc-provider-signed',
    folder: 'oidc-provider',
    settings: { CLIENT_AUTH_METHODS: 'private_key_jwt' },
    runtime: node,
    call: WHOAMI,
    refreshes: true,
  },
  { name: 'better-auth', runtime: node, call: WHOAMI, refreshes: true },
  { name: 'sdk-example', runtime: node, call: { tool: 'greet', arguments: { name: 'Ana' }, answer: /Ana/ }, refreshes: false },
  { name: 'fastmcp', runtime: python, call: ADD, refreshes: true },
  { name: 'authlib', runtime: python, call: ADD, refreshes: true },
];

/**
 * @typedef {object} Counts what the authorization server received
 * @property {number} refresh_requests
 * @property {number} refresh_successes
 * @property {number} registrations
 */

/** A started server. */
export class Server {
  #process;

  /**
   * @param {Kind} kind
   * @param {number} ttl life of an access token in seconds
   * @param {Record<string, string>} [more] of its environment
   */
  static async start(kind, ttl, more = {}) {
    const [port, authorizationPort, controlPort] = await freePorts(3);
    const folder = path.join(TESTS, 'interop', 'servers', kind.folder ?? kind.name);
    const env = {
      PORT: String(port),
      AUTHORIZATION_PORT: String(authorizationPort),
      CONTROL_PORT: String(controlPort),
      TTL: String(ttl),
      PYTHONDONTWRITEBYTECODE: '1',
      ...kind.settings,
      ...more,
    };
    const { command, script } = kind.runtime;
    const child = await start({ name: `interop-${kind.name}`, command, args: [path.join(folder, script)], cwd: folder, env });
    return new Server(kind, ttl, child);
  }

  constructor(kind, ttl, child) {
    this.#process = child;
    this.kind = kind;
    this.ttl = ttl;
    /** @type {{ mcp_url: string, control_url: string, version: string }} */
    this.ready = child.ready;
  }

  async #control(method, pathname) {
    const url = new URL(pathname, this.ready.control_url);
    const response = await fetch(url, { method, signal: AbortSignal.timeout(10_000) });
    if (!response.ok) throw new Error(`${method} ${url} answered ${response.status}`);
    return response.json();
  }

  /** @returns {Promise<Counts>} */
  counts() {
    return this.#control('GET', '/');
  }

  /** Ends every grant at the server, so that the next refresh or call is refused there. */
  revokeAll() {
    return this.#control('POST', '/revoke_all');
  }

  stop() {
    return this.#process.stop();
  }
}
