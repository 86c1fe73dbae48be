/** @file An open MCP server whose tools a test changes while it runs. */
import { createServer } from 'node:http';

const wants = (body) => JSON.parse(body || '{}');

export class PolicyServer {
  /** The descriptors of its tools. */
  tools = [];
  /** The names of the tools that were called. */
  called = [];

  static async open() {
    const server = new PolicyServer();
    server.http = createServer((request, response) => {
      let body = '';
      request.on('data', (chunk) => (body += chunk)).on('end', () => server.#answer(wants(body), response));
    });
    await new Promise((resolve) => server.http.listen(0, '127.0.0.1', resolve));
    server.url = `http://127.0.0.1:${server.http.address().port}/mcp`;
    return server;
  }

  #answer({ id, method, params }, response) {
    const result = this.#result(method, params);
    if (id === undefined) return response.writeHead(202).end();
    const message = result ?? { error: { code: -32601, message: 'unknown' } };
    response.writeHead(result ? 200 : 404, { 'content-type': 'application/json' });
    response.end(JSON.stringify({ jsonrpc: '2.0', id, ...message }));
  }

  #result(method, params) {
    if (method === 'initialize') {
      const serverInfo = { name: 'policy', version: '1' };
      return { result: { protocolVersion: '2025-11-25', capabilities: { tools: {} }, serverInfo } };
    }
    if (method === 'tools/list') return { result: { tools: this.tools } };
    if (method !== 'tools/call') return undefined;
    this.called.push(params.name);
    return { result: { content: [{ type: 'text', text: 'done' }] } };
  }

  close() {
    this.http.closeAllConnections();
    this.http.close();
  }
}
