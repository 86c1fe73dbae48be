/**
 * @file What is tried with every server: one function per column of the table. Each throws where Keyway does not do its
 * part, and answers a footnote where the column does not apply to the server.
 */
import { Keyway } from '../../tools/keyway.mjs';
import { pause } from '../../tools/wait.mjs';
import { Connector } from './connector.mjs';
import { signInWithChromium } from './sign_in_chromium.mjs';

const CALLS_AT_ONCE = 50;
/** How long calls may still go through after a revocation, beyond the life of a self-contained access token. */
const REVOCATION_SECONDS = 10;

/**
 * @typedef {object} Trial one server under trial
 * @property {import('../../tools/keyway.mjs').Keyway} keyway
 * @property {import('playwright-core').Browser | undefined} browser
 * @property {import('./servers.mjs').Server} server
 * @property {Connector} [connector] from the first sign-in on
 */

/** @param {boolean} holds @param {string} otherwise what is said where it does not */
function check(holds, otherwise) {
  if (!holds) throw new Error(otherwise);
}

/** @param {Trial} trial @returns {Connector} */
function connectorOf({ connector }) {
  check(connector !== undefined, 'there is no connector to try it with');
  return connector;
}

/** Added by its address, and signed in to by redirects and forms alone. */
async function signInHttp(trial) {
  trial.connector = await Connector.create(trial.keyway, trial.server, trial.server.kind.name);
  await trial.connector.signIn();
}

/**
 * Added on the settings page, and signed in to in the window that the click opens: somebody's first connector, so that
 * no second account is asked for, which some of the servers announce and fail at.
 */
async function signInChromium({ browser, server }) {
  if (!browser) return 'run without a browser';
  const { name } = server.kind;
  const keyway = await Keyway.start({ name: `interop-chromium-${name}` });
  try {
    const wanted = { mcpUrl: server.ready.mcp_url, name, pictureName: `interop-${name}` };
    return await signInWithChromium(browser, keyway.url, wanted);
  } finally {
    await keyway.stop();
  }
}

/** The tools are listed, and one answers at both doors. */
async function call(trial) {
  const connector = connectorOf(trial);
  // what cannot be renewed may have ended while the browser was busy
  if (!trial.server.kind.refreshes) await connector.signIn();
  const tools = await connector.tools();
  check(tools.includes(connector.call.tool), `the tool list holds ${tools.join(', ') || 'nothing'}`);
  await connector.callWell();
}

/** @returns {Promise<{ requests: number, successes: number }>} the refreshes that the server received while `act` ran */
async function refreshesDuring(server, act) {
  const before = await server.counts();
  await act();
  const after = await server.counts();
  return {
    requests: after.refresh_requests - before.refresh_requests,
    successes: after.refresh_successes - before.refresh_successes,
  };
}

/** After the access token's end a call goes through on a new one; without a refresh token it asks for a sign-in. */
async function refresh(trial) {
  const { server } = trial;
  const connector = connectorOf(trial);
  if (!server.kind.refreshes) return askAtExpiry(server, connector);
  const seen = await refreshesDuring(server, async () => {
    await connector.waitForExpiry(server.ttl);
    connector.insist('REST', await connector.callByRest());
  });
  check(seen.requests >= 1 && seen.requests === seen.successes, `the server saw ${seen.requests} refreshes, ${seen.successes} good`);
  return undefined;
}

async function askAtExpiry(server, connector) {
  await connector.waitForExpiry(server.ttl);
  await refused(connector);
  await connector.signIn();
  await connector.callWell();
  return 'no refresh token: the connector asks for a sign-in when the access token ends, which was checked';
}

/** Many calls at the moment of expiry cost one refresh, and the grant lives on. */
async function race(trial) {
  const { server } = trial;
  if (!server.kind.refreshes) return 'no refresh token: nothing to race for';
  const connector = connectorOf(trial);
  connector.insist('REST', await connector.callByRest());
  await connector.waitForExpiry(server.ttl);
  const started = Date.now();
  const seen = await refreshesDuring(server, () => callAtOnce(connector));
  const took = Date.now() - started;
  // on a slow machine the new token may end, too, before the last call is through
  const expiries = 1 + Math.floor(took / (server.ttl * 1000));
  check(
    seen.requests >= 1 && seen.requests <= expiries && seen.requests === seen.successes,
    `${CALLS_AT_ONCE} calls in ${took} ms cost ${seen.requests} refreshes, ${seen.successes} good`,
  );
  await connector.callWell();
  return refresh(trial);
}

/** Half of the calls come in at each door. */
async function callAtOnce(connector) {
  const calls = Array.from({ length: CALLS_AT_ONCE }, (_, index) => (index % 2 ? connector.callByMcp() : connector.callByRest()));
  for (const outcome of await Promise.all(calls)) connector.insist('the crowd', outcome);
}

/** Insists that both doors ask for a sign-in and that the row says so. */
async function refused(connector) {
  const [byRest, byMcp, row] = [await connector.callByRest(), await connector.callByMcp(), await connector.read()];
  check(byRest.code === 'reauth_required', `REST should ask for a sign-in, not answer ${byRest.code ?? ''} ${byRest.text}`);
  check(byMcp.code === 'reauth_required', `MCP should ask for a sign-in, not answer ${byMcp.code ?? ''} ${byMcp.text}`);
  check(row.state === 'reauth_required', `the row is ${row.state}`);
}

/**
 * Once the server has revoked everything, calls ask for a sign-in, and a sign-in mends it. Where nothing can be renewed, the
 * end of the access token brings that about as well, so that the column says nothing there.
 */
async function revoke(trial) {
  const { server } = trial;
  const connector = connectorOf(trial);
  connector.insist('REST', await (server.kind.refreshes ? connector.callByRest() : signInAndCall(connector)));
  await server.revokeAll();
  const end = Date.now() + (server.ttl + REVOCATION_SECONDS) * 1000;
  while ((await connector.read()).state !== 'reauth_required') {
    check(Date.now() < end, `calls do not ask for a sign-in ${REVOCATION_SECONDS} s after the revoked access token has ended`);
    await connector.callByRest();
    await pause(100);
  }
  await refused(connector);
  await connector.signIn();
  await connector.callWell();
  return server.kind.refreshes ? undefined : 'a revoked access token is answered with 500: the sign-in is asked for when it ends, which was checked';
}

async function signInAndCall(connector) {
  await connector.signIn();
  return connector.callByRest();
}

/** The columns of the table, in the order in which they are tried. @type {[string, (trial: Trial) => Promise<string | undefined>][]} */
export const COLUMNS = [
  ['sign-in http', signInHttp],
  ['sign-in chromium', signInChromium],
  ['call', call],
  ['refresh', refresh],
  ['race', race],
  ['revoke', revoke],
];
