/** @file The protected MCP server: better-auth checks the token, the TypeScript SDK answers. */
import { requireMcpAuth } from '@better-auth/mcp';
import { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js';
import { WebStandardStreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/webStandardStreamableHttp.js';

async function answer(request, claims) {
  const server = new McpServer({ name: 'better-auth-resource', version: '1.0.0' });
  server.registerTool('whoami', { description: 'The claims of the access token' }, () => ({
    content: [{ type: 'text', text: JSON.stringify({ sub: claims.sub, scope: claims.scope }) }],
  }));
  const transport = new WebStandardStreamableHTTPServerTransport({ sessionIdGenerator: undefined, enableJsonResponse: true });
  await server.connect(transport);
  return transport.handleRequest(request);
}

/** @param {object} auth @param {{ base: string, resource: string }} settings @returns {(request: Request) => Promise<Response>} */
export const protectedMcp = (auth, { base, resource }) =>
  requireMcpAuth(auth, answer, {
    resource,
    issuer: `${base}/api/auth`,
    jwksUrl: `${base}/api/auth/jwks`,
    challengeScopes: ['mcp:tools', 'offline_access'],
  });
