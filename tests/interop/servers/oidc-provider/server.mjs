/** @file Starts oidc-provider and a protected MCP server behind it, on two ports of loopback. */
import http from 'node:http';
import { Counts, listen, ready, settings, versionOf } from '../common/launch.mjs';
import { authorizationServer } from './authorization_server.mjs';
import { mcpServer } from './mcp_server.mjs';

const { port, authorizationPort, controlPort, ttl } = settings();
const issuer = `http://127.0.0.1:${authorizationPort}`;
const resource = `http://127.0.0.1:${port}/mcp`;
const clientAuthMethods = process.env.CLIENT_AUTH_METHODS?.split(',');
const { provider, scopes, revokeAll } = authorizationServer({ issuer, resource, ttl, clientAuthMethods });
const counts = new Counts({ token: '/token', registration: '/reg' });

const handle = provider.callback();
const authorization = http.createServer((request, response) => {
  counts.observe(request, response);
  // a sign-in page that parts from whoever opened it, as many real ones do
  if (process.env.OPENER_POLICY) response.setHeader('cross-origin-opener-policy', process.env.OPENER_POLICY);
  handle(request, response);
});
await listen(authorization, authorizationPort);
await listen(http.createServer(mcpServer({ provider, issuer, resource, scopes })), port);
await ready({ mcpUrl: resource, version: versionOf(import.meta.dirname, 'oidc-provider'), controlPort, counts, revokeAll });
