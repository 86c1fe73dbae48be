/** @file panva's oidc-provider as an authorization server: its own sign-in and consent pages, opaque tokens, rotation. */
import Provider, { errors } from 'oidc-provider';

const SCOPES = ['mcp:read', 'mcp:write'];
const REVOKED_TOGETHER = ['AccessToken', 'RefreshToken', 'AuthorizationCode'];

/** @param {string} resource @param {number} ttl of an access token, in seconds */
function features(resource, ttl) {
  return {
    devInteractions: { enabled: true },
    introspection: { enabled: true },
    registration: { enabled: true },
    revocation: { enabled: true },
    resourceIndicators: {
      enabled: true,
      defaultResource: () => resource,
      useGrantedResource: () => true,
      getResourceServerInfo(_context, asked) {
        if (asked !== resource) throw new errors.InvalidTarget();
        return { scope: SCOPES.join(' '), audience: resource, accessTokenTTL: ttl, accessTokenFormat: 'opaque' };
      },
    },
  };
}

/**
 * @param {{ issuer: string, resource: string, ttl: number, clientAuthMethods?: string[] }} settings
 * @returns {{ provider: Provider, scopes: string[], revokeAll: () => Promise<void> }}
 */
export function authorizationServer({ issuer, resource, ttl, clientAuthMethods }) {
  const provider = new Provider(issuer, {
    claims: { openid: ['sub'] },
    clientAuthMethods: clientAuthMethods ?? ['none', 'client_secret_basic', 'client_secret_post'],
    cookies: { keys: ['interop'] },
    features: features(resource, ttl),
    findAccount: (_context, sub) => ({ accountId: sub, claims: () => ({ sub }) }),
    issueRefreshToken: (_context, client) => client.grantTypeAllowed('refresh_token'),
    pkce: { required: () => true },
    rotateRefreshToken: true,
    scopes: ['openid', 'offline_access', ...SCOPES],
    ttl: { AccessToken: ttl, AuthorizationCode: 60, Grant: 86400, Interaction: 600, RefreshToken: 86400, Session: 86400 },
  });
  const grants = new Set();
  provider.on('grant.success', (context) => grants.add(context.oidc.entities.Grant.jti));
  const revokeAll = async () => {
    for (const id of grants) {
      for (const model of REVOKED_TOGETHER) await provider[model].revokeByGrantId(id);
      await (await provider.Grant.find(id))?.destroy();
    }
    grants.clear();
  };
  return { provider, scopes: SCOPES, revokeAll };
}
