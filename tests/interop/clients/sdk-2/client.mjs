/** @file The TypeScript SDK, second generation, on either wire. */
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import { filledIn, installedVersion, textOf, tryClient } from '../common/trial.mjs';

/** @param {import('../common/trial.mjs').Wanted} wanted @returns {Promise<import('../common/trial.mjs').Conversation>} */
async function connect({ url, authorization, wire }) {
  const mode = wire === '2026-07-28' ? 'auto' : 'legacy';
  const options = { capabilities: { elicitation: {} }, versionNegotiation: { mode } };
  const client = new Client({ name: 'keyway-interop', version: '1' }, options);
  client.setRequestHandler('elicitation/create', ({ params }) => filledIn(params.requestedSchema));
  const transport = new StreamableHTTPClientTransport(new URL(url), { requestInit: { headers: { authorization } } });
  await client.connect(transport);
  return {
    protocolVersion: client.getNegotiatedProtocolVersion(),
    tools: async () => (await client.listTools()).tools.map(({ name }) => name),
    call: async (name, args, onProgress) => textOf(await client.callTool({ name, arguments: args }, { onprogress: onProgress })),
    async close() {
      if (mode === 'legacy') await transport.terminateSession();
      await client.close();
    },
  };
}

await tryClient({ version: installedVersion(import.meta.dirname, '@modelcontextprotocol/client'), connect });
