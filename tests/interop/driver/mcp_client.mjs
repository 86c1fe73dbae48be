/** @file Raw JSON-RPC over streamable HTTP, for one connector behind Keyway's transparent proxy. */

const VERSION = '2025-11-25';

/** @param {Response} response @param {number} id @returns {Promise<any>} the message that answers the request */
async function answerTo(response, id) {
  const text = await response.text();
  const type = response.headers.get('content-type') ?? '';
  const payloads = type.startsWith('text/event-stream')
    ? text.split(/\r?\n\r?\n/).map((event) => event.split(/\r?\n/).filter((line) => line.startsWith('data:')).map((line) => line.slice(5)).join('\n'))
    : [text];
  const messages = payloads.filter((payload) => payload.trim()).map((payload) => JSON.parse(payload));
  const found = messages.find((message) => message.id === id);
  if (!found) throw new Error(`no answer to ${id} in ${response.status} ${type}: ${text.slice(0, 200)}`);
  return found;
}

/** One MCP session with a connector. */
export class McpClient {
  #url;
  #headers;
  #lastId = 0;

  /** @param {string} url of `/mcp/{connector}` @param {Record<string, string>} [headers] */
  constructor(url, headers = {}) {
    this.#url = url;
    this.#headers = { accept: 'application/json, text/event-stream', 'content-type': 'application/json', ...headers };
  }

  #post(message) {
    const body = JSON.stringify({ jsonrpc: '2.0', ...message });
    return fetch(this.#url, { method: 'POST', headers: this.#headers, body, signal: AbortSignal.timeout(60_000) });
  }

  /** @returns {Promise<any>} the whole JSON-RPC answer */
  async request(method, params) {
    this.#lastId += 1;
    const response = await this.#post({ id: this.#lastId, method, params });
    const session = response.headers.get('mcp-session-id');
    if (session) this.#headers['mcp-session-id'] = session;
    return answerTo(response, this.#lastId);
  }

  /** The handshake; afterwards every request names the version. @returns {Promise<any>} the answer to `initialize` */
  async initialize() {
    const clientInfo = { name: 'keyway-interop', version: '1.0.0' };
    const answer = await this.request('initialize', { protocolVersion: VERSION, capabilities: {}, clientInfo });
    if (answer.error) return answer;
    this.#headers['mcp-protocol-version'] = answer.result.protocolVersion;
    await (await this.#post({ method: 'notifications/initialized' })).arrayBuffer();
    return answer;
  }

  /** @param {string} name @param {object} args @returns {Promise<any>} the whole answer to `tools/call` */
  callTool(name, args) {
    return this.request('tools/call', { name, arguments: args });
  }
}
