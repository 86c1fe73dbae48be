/**
 * @file The TypeScript SDK's own example server with OAuth, as it is published: it approves every sign-in by itself, gives no
 * refresh token and answers an invalid access token with 500. Only what the tests must control is put around it.
 */
import http from 'node:http';
import { DemoInMemoryAuthProvider } from '@modelcontextprotocol/sdk/examples/server/demoInMemoryOAuthProvider.js';
import { Counts, ready, settings, versionOf } from '../common/launch.mjs';

const { port, authorizationPort, controlPort, ttl } = settings();
const counts = new Counts({ token: '/token', registration: '/register' });
const providers = new Set();

/** The example's tokens live an hour, as a constant; here they live as long as the tests say. */
function shortenTokens() {
  const exchange = DemoInMemoryAuthProvider.prototype.exchangeAuthorizationCode;
  DemoInMemoryAuthProvider.prototype.exchangeAuthorizationCode = async function (...args) {
    const answer = await exchange.apply(this, args);
    this.tokens.get(answer.access_token).expiresAt = Date.now() + ttl * 1000;
    providers.add(this);
    return { ...answer, expires_in: ttl };
  };
}

/** The example binds every address; here its listeners stay on loopback, and its authorization server is counted. */
function holdListeners() {
  const listenAnywhere = http.Server.prototype.listen;
  http.Server.prototype.listen = function (wanted, ...rest) {
    if (Number(wanted) === authorizationPort) {
      this.prependListener('request', (request, response) => counts.observe(request, response));
    }
    return listenAnywhere.call(this, Number(wanted), '127.0.0.1', ...rest.filter((value) => typeof value === 'function'));
  };
}

/** @param {number} wanted a port on which a listener is about to open */
async function opened(wanted) {
  for (let attempt = 0; attempt < 100; attempt += 1) {
    const answered = await fetch(`http://127.0.0.1:${wanted}/`).catch(() => null);
    if (answered) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error(`the example does not listen on port ${wanted}`);
}

const listen = http.Server.prototype.listen;
shortenTokens();
holdListeners();
process.argv.push('--oauth');
Object.assign(process.env, { MCP_PORT: String(port), MCP_AUTH_PORT: String(authorizationPort) });
// the example's log goes to the error stream, so that the ready line is the first on the other
console.log = console.error;
await import('@modelcontextprotocol/sdk/examples/server/simpleStreamableHttp.js');
await Promise.all([opened(port), opened(authorizationPort)]);
http.Server.prototype.listen = listen;

await ready({
  mcpUrl: `http://localhost:${port}/mcp`,
  version: versionOf(import.meta.dirname, '@modelcontextprotocol/sdk'),
  controlPort,
  counts,
  revokeAll: () => providers.forEach((provider) => provider.tokens.clear()),
});
