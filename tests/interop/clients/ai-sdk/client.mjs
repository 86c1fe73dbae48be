/** @file The MCP client of the AI SDK, on either wire. */
import { createMCPClient, ElicitationRequestSchema } from '@ai-sdk/mcp';
import { filledIn, installedVersion, textOf, tryClient } from '../common/trial.mjs';

/** @param {import('../common/trial.mjs').Wanted} wanted @returns {Promise<import('../common/trial.mjs').Conversation>} */
async function connect({ url, authorization, wire }) {
  const client = await createMCPClient({
    transport: { type: 'http', url, headers: { authorization } },
    protocolVersionDiscovery: wire === '2026-07-28',
    capabilities: { elicitation: {} },
  });
  client.onElicitationRequest(ElicitationRequestSchema, ({ params }) => filledIn(params.requestedSchema));
  const tools = await client.tools();
  return {
    cannot: { progress: 'this client has no way to hear of progress' },
    protocolVersion: client.initializeResult.protocolVersion,
    tools: async () => Object.keys(tools),
    call: async (name, args) => textOf(await tools[name].execute(args, { toolCallId: '1', messages: [] })),
    close: () => client.close(),
  };
}

await tryClient({ version: installedVersion(import.meta.dirname, '@ai-sdk/mcp'), connect });
