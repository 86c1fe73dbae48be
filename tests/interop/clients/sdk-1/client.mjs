/** @file The TypeScript SDK, first generation. */
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { ElicitRequestSchema } from '@modelcontextprotocol/sdk/types.js';
import { filledIn, installedVersion, textOf, tryClient } from '../common/trial.mjs';

/** @param {import('../common/trial.mjs').Wanted} wanted @returns {Promise<import('../common/trial.mjs').Conversation>} */
async function connect({ url, authorization }) {
  const client = new Client({ name: 'keyway-interop', version: '1' }, { capabilities: { elicitation: {} } });
  client.setRequestHandler(ElicitRequestSchema, ({ params }) => filledIn(params.requestedSchema));
  const transport = new StreamableHTTPClientTransport(new URL(url), { requestInit: { headers: { authorization } } });
  await client.connect(transport);
  return {
    protocolVersion: transport.protocolVersion,
    tools: async () => (await client.listTools()).tools.map(({ name }) => name),
    call: async (name, args, onProgress) => textOf(await client.callTool({ name, arguments: args }, undefined, { onprogress: onProgress })),
    async close() {
      await transport.terminateSession();
      await client.close();
    },
  };
}

await tryClient({ version: installedVersion(import.meta.dirname, '@modelcontextprotocol/sdk'), connect });
