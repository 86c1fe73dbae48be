/** @file Starts better-auth and the MCP server it protects, both on one port of loopback. */
import http from 'node:http';
import { oauthProviderAuthServerMetadata } from '@better-auth/oauth-provider';
import { getRequest, setResponse } from 'better-call/node';
import { Counts, listen, ready, settings, versionOf } from '../common/launch.mjs';
import { openAuth, revokeAll } from './auth.mjs';
import { protectedMcp } from './mcp_server.mjs';
import { servePage } from './pages.mjs';

const { port, controlPort, ttl } = settings();
const base = `http://127.0.0.1:${port}`;
const resource = `${base}/api/mcp`;
const auth = await openAuth({ base, resource, ttl });
const metadata = oauthProviderAuthServerMetadata(auth);
const answerMcp = protectedMcp(auth, { base, resource });
const counts = new Counts({ token: '/api/auth/oauth2/token', registration: '/api/auth/oauth2/register' });

/** @param {Request} request @returns {Promise<Response>} */
async function route(request) {
  const { pathname } = new URL(request.url);
  if (pathname === '/.well-known/oauth-authorization-server/api/auth') return metadata(request);
  if (pathname === '/api/mcp') return request.method === 'POST' ? answerMcp(request) : new Response(null, { status: 405 });
  return servePage(auth, request) ?? auth.handler(request);
}

const server = http.createServer(async (request, response) => {
  counts.observe(request, response);
  const answer = await route(getRequest({ base, request })).catch((error) => {
    console.error(error);
    return new Response(String(error), { status: 500 });
  });
  await setResponse(response, answer);
});
await listen(server, port);
await ready({
  mcpUrl: resource,
  version: versionOf(import.meta.dirname, 'better-auth'),
  controlPort,
  counts,
  revokeAll: () => revokeAll(auth),
});
