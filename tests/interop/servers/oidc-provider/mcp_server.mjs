/** @file A protected MCP server on the TypeScript SDK, stateless, which asks the authorization server about every token. */
import { InvalidTokenError } from '@modelcontextprotocol/sdk/server/auth/errors.js';
import { requireBearerAuth } from '@modelcontextprotocol/sdk/server/auth/middleware/bearerAuth.js';
import { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js';
import { StreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/streamableHttp.js';
import express from 'express';

function tools() {
  const server = new McpServer({ name: 'oidc-provider-resource', version: '1.0.0' });
  const described = { description: 'Who the access token speaks for', annotations: { readOnlyHint: true } };
  server.registerTool('whoami', described, ({ authInfo }) => ({
    content: [{ type: 'text', text: JSON.stringify({ sub: authInfo.extra.sub, scopes: authInfo.scopes }) }],
  }));
  return server;
}

/** @param {import('oidc-provider').default} provider @param {string} resource */
const verifier = (provider, resource) => ({
  async verifyAccessToken(token) {
    const found = await provider.AccessToken.find(token);
    if (!found?.isValid || found.aud !== resource) throw new InvalidTokenError('the access token is not valid here');
    return { token, clientId: found.clientId, scopes: [...found.scopes], expiresAt: found.exp, extra: { sub: found.accountId } };
  },
});

async function answer(request, response) {
  const server = tools();
  const transport = new StreamableHTTPServerTransport({ sessionIdGenerator: undefined });
  response.on('close', () => server.close());
  await server.connect(transport);
  await transport.handleRequest(request, response, request.body);
}

/**
 * @param {{ provider: import('oidc-provider').default, issuer: string, resource: string, scopes: string[] }} settings
 * @returns {express.Express}
 */
export function mcpServer({ provider, issuer, resource, scopes }) {
  const metadataPath = '/.well-known/oauth-protected-resource/mcp';
  const app = express();
  const protect = requireBearerAuth({
    verifier: verifier(provider, resource),
    requiredScopes: ['mcp:read'],
    resourceMetadataUrl: new URL(metadataPath, resource).href,
  });
  app.get(metadataPath, (_request, response) => {
    response.json({ resource, authorization_servers: [issuer], scopes_supported: scopes, bearer_methods_supported: ['header'] });
  });
  app.post('/mcp', protect, express.json(), answer);
  app.all('/mcp', protect, (_request, response) => response.status(405).end());
  return app;
}
