/**
 * @file An MCP server over HTTP with SSE alone, on the TypeScript SDK's own transport of that kind, `SSEServerTransport`,
 * put together as the SDK's example is. The control address counts its streams.
 */
import http from 'node:http';
import { createMcpExpressApp } from '@modelcontextprotocol/sdk/server/express.js';
import { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js';
import { SSEServerTransport } from '@modelcontextprotocol/sdk/server/sse.js';
import { z } from 'zod';
import { listen, ready, settings, versionOf } from '../common/launch.mjs';

const STEPS = [0, 50, 100];

const { port, controlPort } = settings();
const counts = { streams_opened: 0, streams_open: 0 };
/** @type {Map<string, SSEServerTransport>} */
const transports = new Map();

const text = (said) => ({ content: [{ type: 'text', text: said }] });

async function progressed({ _meta, sendNotification }) {
  for (const progress of _meta?.progressToken === undefined ? [] : STEPS) {
    const params = { progressToken: _meta.progressToken, progress, total: 100 };
    await sendNotification({ method: 'notifications/progress', params });
  }
  return text('Done');
}

/** @returns {McpServer} a server for one stream, with the tools that the trial of clients calls */
function newServer() {
  const mcp = new McpServer({ name: 'older-typescript', version: '1.0.0' });
  mcp.registerTool('greet', { inputSchema: { name: z.string() } }, ({ name }) => text(`Hello, ${name}!`));
  mcp.registerTool('test_tool_with_progress', {}, progressed);
  mcp.registerTool('test_elicitation', { inputSchema: { message: z.string() } }, async ({ message }) => {
    const requestedSchema = { type: 'object', properties: { username: { type: 'string' } }, required: ['username'] };
    const { action, content } = await mcp.server.elicitInput({ message, requestedSchema });
    return text(`The person: ${action} ${content?.username}`);
  });
  return mcp;
}

const app = createMcpExpressApp();

app.get('/sse', async (_request, response) => {
  const transport = new SSEServerTransport('/messages', response);
  transports.set(transport.sessionId, transport);
  counts.streams_opened += 1;
  counts.streams_open += 1;
  response.once('close', () => {
    transports.delete(transport.sessionId);
    counts.streams_open -= 1;
  });
  await newServer().connect(transport);
});

app.post('/messages', async (request, response) => {
  const transport = transports.get(request.query.sessionId);
  if (transport) await transport.handlePostMessage(request, response, request.body);
  else response.status(404).send('Session not found');
});

await listen(http.createServer(app), port);
await ready({
  mcpUrl: `http://localhost:${port}/sse`,
  version: versionOf(import.meta.dirname, '@modelcontextprotocol/sdk'),
  controlPort,
  counts,
  revokeAll: () => {},
});
