/** @file One connector of the run, as its user and as the chat application see it. */
import { Refused } from '../../tools/keyway.mjs';
import { pause } from '../../tools/wait.mjs';
import { McpClient } from './mcp_client.mjs';
import { signInOverHttp } from './sign_in_http.mjs';

/** What a call came to. @typedef {{ ok: true, text: string } | { ok: false, code: string | undefined, text: string }} Outcome */

/** @param {any} result of an MCP `tools/call` @returns {Outcome} */
function outcomeOf(result) {
  const text = (result.content ?? []).map((part) => part.text ?? '').join('\n');
  return result.isError ? { ok: false, code: result.structuredContent?.code, text } : { ok: true, text };
}

/** A connector at a running Keyway. */
export class Connector {
  #keyway;

  /** @param {import('../../tools/keyway.mjs').Keyway} keyway @param {{ id: string, slug: string }} row @param {object} call */
  constructor(keyway, row, call) {
    this.#keyway = keyway;
    this.id = row.id;
    this.slug = row.slug;
    this.call = call;
  }

  /** Adds it as the REST door's user does, by its address alone. */
  static async create(keyway, server, name) {
    const row = await keyway.api('POST', '/api/v1/connectors', { url: server.ready.mcp_url, name });
    if (row.auth_type !== 'oauth' || row.state !== 'sign_in_required') {
      throw new Error(`a new connector should want a sign-in, not be ${row.auth_type} and ${row.state}`);
    }
    return new Connector(keyway, row, server.kind.call);
  }

  /** @returns {Promise<any>} the row */
  read() {
    return this.#keyway.api('GET', `/api/v1/connectors/${this.id}`);
  }

  /** @returns {Promise<string[]>} the names of its tools */
  async tools() {
    const { tools } = await this.#keyway.api('GET', `/api/v1/connectors/${this.id}/tools`);
    return tools.map((tool) => tool.name);
  }

  /** Signs in over plain HTTP, to the end. */
  async signIn() {
    const started = await this.#keyway.api('POST', `/api/v1/connectors/${this.id}/oauth/start`, { force: true });
    const page = await signInOverHttp(started.authorize_url);
    const session = await this.#keyway.api('GET', `/api/v1/authorization-sessions/${started.authorization_session_id}`);
    if (page.status !== 200 || session.status !== 'finished') {
      throw new Error(`the sign-in is ${session.status} (${session.code}: ${session.detail}), its page answered ${page.status}`);
    }
    const { state } = await this.read();
    if (state !== 'ready') throw new Error(`after the sign-in the connector is ${state}`);
  }

  /** @returns {Promise<Outcome>} a call at the REST door */
  async callByRest() {
    const body = { connector: this.slug, tool: this.call.tool, arguments: this.call.arguments };
    try {
      return outcomeOf(await this.#keyway.api('POST', '/api/v1/tools/call', body));
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      return { ok: false, code: error.code, text: error.message };
    }
  }

  /** @returns {Promise<Outcome>} a call through the transparent proxy, with a handshake of its own */
  async callByMcp() {
    const client = new McpClient(new URL(`/mcp/${this.slug}`, this.#keyway.url));
    const opened = await client.initialize();
    const answer = opened.error ? opened : await client.callTool(this.call.tool, this.call.arguments);
    if (answer.result) return outcomeOf(answer.result);
    return { ok: false, code: answer.error.data?.code, text: answer.error.message };
  }

  /** Calls at both doors and insists on the right answer. */
  async callWell() {
    for (const [door, outcome] of [['REST', await this.callByRest()], ['MCP', await this.callByMcp()]]) {
      this.insist(door, outcome);
    }
  }

  /** @param {string} door @param {Outcome} outcome */
  insist(door, outcome) {
    if (!outcome.ok) throw new Error(`the call by ${door} was refused: ${outcome.code ?? ''} ${outcome.text}`);
    if (!this.call.answer.test(outcome.text)) throw new Error(`the call by ${door} answered ${outcome.text}`);
  }

  /** Waits until the access token that the row has now is over. */
  async waitForExpiry(longestSeconds) {
    const { oauth } = await this.read();
    const left = Date.parse(oauth.expires_at) - Date.now();
    if (!(left <= longestSeconds * 1000)) throw new Error(`the access token should end within ${longestSeconds} s, not at ${oauth.expires_at}`);
    await pause(Math.max(0, left) + 200);
  }
}
