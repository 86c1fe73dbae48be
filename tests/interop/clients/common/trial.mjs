/**
 * @file What is tried with a client that is written in JavaScript, the same as in `trial.py`. The one argument is JSON:
 * `{ url, authorization, prefix, wire, ask }`. Each cell is told in one line of JSON, `{ cell, mark, note }`, after a
 * first line with the client's version.
 */
import { readFileSync } from 'node:fs';
import path from 'node:path';

/** What a person at the client types wherever a form asks for something. */
const TYPED = 'ada';
const STEPS = 3;

/**
 * @typedef {object} Wanted what the run wants of this client
 * @property {string} url of the door
 * @property {string} authorization the header's value
 * @property {string} prefix before the names of tools at this door
 * @property {string} wire the protocol version that is to be negotiated
 * @property {string} ask the tool that asks the person
 *
 * @typedef {object} Conversation an open connection of the client's
 * @property {string} protocolVersion that was negotiated
 * @property {() => Promise<string[]>} tools their names
 * @property {(name: string, args: object, onProgress?: () => void) => Promise<string>} call the text of the result
 * @property {() => Promise<void>} close
 * @property {{ progress?: string, ask?: string }} [cannot] why, for what the client itself has no way to
 */

/** @param {boolean} holds @param {string} otherwise what is said where it does not */
function check(holds, otherwise) {
  if (!holds) throw new Error(otherwise);
}

/** @param {any} result of `tools/call` @returns {string} */
export function textOf(result) {
  const text = (result.content ?? []).map((part) => part.text ?? '').join('\n');
  check(!result.isError, `the tool failed: ${text}`);
  return text;
}

/** @param {any} schema of a form @returns {{ action: 'accept', content: object }} the form filled in */
export function filledIn(schema) {
  return { action: 'accept', content: Object.fromEntries(Object.keys(schema.properties).map((name) => [name, TYPED])) };
}

/** @param {string} folder of the client @param {string} name of its package @returns {string} the version that is installed */
export function installedVersion(folder, name) {
  return JSON.parse(readFileSync(path.join(folder, 'node_modules', name, 'package.json'), 'utf8')).version;
}

/** @type {Record<string, (conversation: Conversation, wanted: Wanted) => Promise<void>>} */
const CELLS = {
  async list(conversation, { prefix }) {
    const tools = await conversation.tools();
    check(tools.includes(`${prefix}greet`), `the list holds ${tools.join(', ') || 'nothing'}`);
    check(tools.every((name) => name.startsWith(prefix)), `not every name begins with ${prefix}`);
  },
  async call(conversation, { prefix }) {
    const text = await conversation.call(`${prefix}greet`, { name: 'Grüße' });
    check(text === 'Hello, Grüße!', `the tool said ${text}`);
  },
  async progress(conversation, { prefix }) {
    let told = 0;
    await conversation.call(`${prefix}test_tool_with_progress`, {}, () => (told += 1));
    check(told === STEPS, `${told} of ${STEPS} steps were told`);
  },
  async ask(conversation, { prefix, ask }) {
    const text = await conversation.call(`${prefix}${ask}`, { message: 'Who are you?' });
    check(text.includes(TYPED), `what the person typed is not in ${text}`);
  },
};

const tell = (line) => console.log(JSON.stringify(line));
const failed = (cell, error) => tell({ cell, mark: 'failed', note: error.message });

/**
 * Tries everything with one client, and ends the process: 0 where no cell failed.
 * @param {{ version: string, connect: (wanted: Wanted) => Promise<Conversation> }} client
 */
export async function tryClient({ version, connect }) {
  const wanted = JSON.parse(process.argv[2]);
  let good = true;
  tell({ version });
  try {
    const conversation = await connect(wanted);
    const { protocolVersion, cannot = {} } = conversation;
    check(protocolVersion === wanted.wire, `it speaks ${protocolVersion}, not ${wanted.wire}`);
    tell({ cell: 'connect', mark: 'ok' });
    for (const [cell, act] of Object.entries(CELLS)) {
      if (cannot[cell]) tell({ cell, mark: 'none', note: cannot[cell] });
      else {
        await act(conversation, wanted).then(
          () => tell({ cell, mark: 'ok' }),
          (error) => ((good = false), failed(cell, error)),
        );
      }
    }
    await conversation.close();
  } catch (error) {
    good = false;
    failed('connect', error);
  }
  process.exit(good ? 0 : 1);
}
