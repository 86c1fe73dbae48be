/**
 * @file Lets MCP clients that others wrote connect to the real binary, list tools, call them, hear of progress and be
 * asked, at both doors: a connector's own, and all connectors as one server. They show a personal token; behind Keyway is
 * the fixture server.
 *
 *     node tests/interop/clients.mjs [--only inspector,sdk-1] [--door connector,all]
 *
 * Ends with a table and a line `N passed, N failed`; the exit code is not zero if a cell failed.
 */
import { createHmac } from 'node:crypto';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { Keyway } from '../tools/keyway.mjs';
import { ROOT } from '../tools/paths.mjs';
import { start } from '../tools/process.mjs';
import { CLIENTS, COLUMNS, HANDSHAKE, STATELESS, chosen, rowOf } from './driver/clients.mjs';
import { renderTable } from './driver/table.mjs';

const FIXTURE = path.join(ROOT, 'target', 'debug', 'keyway-fixture');
const SLUG = 'fixture';

/** The tools of the fixture that ask the person, on the wire that they are called on. */
const ASKING = { [HANDSHAKE]: 'test_elicitation', [STATELESS]: 'test_input_required_result_elicitation' };

/**
 * The doors. Behind the one of all connectors Keyway speaks the newer wire to the fixture, whatever the client speaks.
 * @type {Record<string, { pathname: string, prefix: string, ask: (wire: string) => string }>}
 */
const DOORS = {
  connector: { pathname: `/mcp/${SLUG}`, prefix: '', ask: (wire) => ASKING[wire] },
  all: { pathname: '/mcp', prefix: `${SLUG}__`, ask: () => ASKING[STATELESS] },
};

const HOST = { secret: 'a secret that the host and keyway share, long enough', issuer: 'https://host.example', audience: 'keyway' };

/** @returns {string} a JWT of the host for one user, good for an hour */
function hostJwt(user) {
  const now = Math.floor(Date.now() / 1000);
  const claims = { iss: HOST.issuer, aud: HOST.audience, sub: user, iat: now, exp: now + 3600 };
  const signed = [{ alg: 'HS256', typ: 'JWT' }, claims].map((part) => Buffer.from(JSON.stringify(part)).toString('base64url')).join('.');
  return `${signed}.${createHmac('sha256', HOST.secret).update(signed).digest('base64url')}`;
}

const SETTINGS = {
  KEYWAY_AUTH: 'tokens',
  KEYWAY_EGRESS_ALLOW: 'localhost',
  KEYWAY_JWT_SECRET: HOST.secret,
  KEYWAY_JWT_ISSUER: HOST.issuer,
  KEYWAY_JWT_AUDIENCE: HOST.audience,
};

/** Connects the fixture for a user, and makes a personal token for it as Keyway's own page does. @returns {Promise<string>} the token */
async function connectFixture(keyway, url) {
  const authorization = { authorization: `Bearer ${hostJwt('ada')}` };
  const connector = { url, name: 'Fixture', slug: SLUG, auth_type: 'headers' };
  await keyway.api('POST', '/api/v1/connectors', connector, authorization);
  const given = await fetch(new URL('/api/v1/session-cookie', keyway.url), { method: 'POST', headers: authorization });
  const cookie = given.headers.getSetCookie()[0].split(';')[0];
  const wanted = { name: 'Real clients', connectors: [SLUG] };
  const { token } = await keyway.api('POST', '/api/v1/personal-tokens', wanted, { cookie, origin: keyway.url });
  return token;
}

/** @returns {import('./clients/common/trial.mjs').Wanted} what is wanted of a client at a door */
function wantedAt(door, wire, access) {
  const { pathname, prefix, ask } = DOORS[door];
  return { ...access, url: `${access.url}${pathname}`, prefix, wire, ask: ask(wire) };
}

async function main() {
  const { values } = parseArgs({ options: { only: { type: 'string' }, door: { type: 'string' } } });
  const clients = chosen(values.only, CLIENTS.map(({ client }) => client));
  const doors = chosen(values.door, Object.keys(DOORS));
  const fixture = await start({ name: 'interop-fixture', command: FIXTURE });
  const keyway = await Keyway.start({ name: 'interop-clients', env: SETTINGS });
  const rows = [];
  try {
    const access = { url: keyway.url, authorization: `Bearer ${await connectFixture(keyway, fixture.ready.url)}` };
    for (const kind of CLIENTS.filter(({ client }) => clients.includes(client))) {
      for (const wire of kind.wires) for (const door of doors) rows.push(await rowOf(kind, { door }, wantedAt(door, wire, access)));
    }
  } finally {
    await keyway.stop();
    await fixture.stop();
  }
  const { text, passed, failed } = renderTable(rows, COLUMNS, ['client', 'version', 'wire', 'door']);
  console.log(`\n${text}\n\n${passed} passed, ${failed} failed`);
  process.exitCode = failed === 0 && passed > 0 ? 0 : 1;
}

await main();
