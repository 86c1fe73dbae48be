/** @file better-auth as an authorization server by its MCP plugin: issuer `/api/auth`, JWT access tokens, strict rotation. */
import { DatabaseSync } from 'node:sqlite';
import { mcp } from '@better-auth/mcp';
import { betterAuth } from 'better-auth';
import { getMigrations } from 'better-auth/db/migration';
import { jwt } from 'better-auth/plugins/jwt';

/** The one person who has an account. */
export const PERSON = { email: 'alice@example.com', password: 'password1234', name: 'Alice' };
const GRANT_MODELS = ['oauthRefreshToken', 'oauthAccessToken', 'oauthConsent'];

/** @param {string} resource @param {number} ttl of an access token, in seconds */
const mcpPlugin = (resource, ttl) =>
  mcp({
    loginPage: '/login',
    consentPage: '/consent',
    resource,
    scopes: ['openid', 'profile', 'email', 'offline_access', 'mcp:tools'],
    accessTokenExpiresIn: ttl,
    // without the grace period of the plugin, so that a second refresh with the same token ends the family
    refreshTokenReuseInterval: 0,
    allowDynamicClientRegistration: true,
    allowUnauthenticatedClientRegistration: true,
    silenceWarnings: { oauthAuthServerConfig: true, openidConfig: true },
  });

/**
 * A better-auth with its database in memory and one account in it.
 * @param {{ base: string, resource: string, ttl: number }} settings
 */
export async function openAuth({ base, resource, ttl }) {
  const auth = betterAuth({
    baseURL: base,
    secret: 'interop-secret-interop-secret-interop',
    database: new DatabaseSync(':memory:'),
    disabledPaths: ['/token'],
    emailAndPassword: { enabled: true },
    rateLimit: { enabled: false },
    telemetry: { enabled: false },
    plugins: [jwt({ jwt: { issuer: `${base}/api/auth` } }), mcpPlugin(resource, ttl)],
  });
  const { runMigrations } = await getMigrations(auth.options);
  await runMigrations();
  await auth.api.signUpEmail({ body: PERSON });
  return auth;
}

/** Forgets every token and every consent that was given. */
export async function revokeAll(auth) {
  const { adapter } = await auth.$context;
  for (const model of GRANT_MODELS) await adapter.deleteMany({ model, where: [] });
}
