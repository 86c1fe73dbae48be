/** @file The binary under test, in a data folder of its own, and its REST doors. */
import { mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { ROOT } from './paths.mjs';
import { start } from './process.mjs';

const BINARY = process.env.KEYWAY_BINARY || path.join(ROOT, 'target', 'debug', 'keyway');
/** Longer than anything Keyway waits for itself. */
const REQUEST_SECONDS = 60;

/** An answer of Keyway's that is an error. */
export class Refused extends Error {
  /** @param {string} asked @param {number} status @param {any} problem */
  constructor(asked, status, problem) {
    super(`${asked}: ${status} ${problem?.code ?? ''} ${problem?.detail ?? ''}`.trim());
    this.status = status;
    this.code = problem?.code;
  }
}

/** A running Keyway. */
export class Keyway {
  #process;
  #folder;

  /**
   * Starts it on a free port with an empty database.
   * @param {{ name?: string, env?: Record<string, string> }} [options]
   */
  static async start({ name = 'keyway', env = {} } = {}) {
    const folder = mkdtempSync(path.join(os.tmpdir(), 'keyway-test-'));
    const settings = { KEYWAY_LISTEN: '127.0.0.1:0', KEYWAY_METRICS_LISTEN: 'off', ...env };
    try {
      const child = await start({ name, command: BINARY, args: ['serve'], cwd: folder, env: settings });
      return new Keyway(child, folder);
    } catch (error) {
      rmSync(folder, { recursive: true, force: true });
      throw error;
    }
  }

  constructor(child, folder) {
    this.#process = child;
    this.#folder = folder;
    /** @type {string} its origin */
    this.url = child.ready.public_url;
  }

  /** Where its database and its keys are. */
  get folder() {
    return this.#folder;
  }

  /**
   * One JSON request.
   * @param {string} method
   * @param {string} pathname
   * @param {unknown} [body]
   * @param {Record<string, string>} [headers]
   * @returns {Promise<any>} the parsed answer, null where it has no body
   * @throws {Refused} for any status of 400 and more
   */
  async api(method, pathname, body, headers = {}) {
    const content = body === undefined ? {} : { 'content-type': 'application/json' };
    const response = await fetch(new URL(pathname, this.url), {
      method,
      headers: { ...content, ...headers },
      body: body === undefined ? undefined : JSON.stringify(body),
      signal: AbortSignal.timeout(REQUEST_SECONDS * 1000),
    });
    const text = await response.text();
    const json = /\bjson\b/.test(response.headers.get('content-type') ?? '') ? JSON.parse(text) : null;
    if (!response.ok) throw new Refused(`${method} ${pathname}`, response.status, json ?? { detail: text.slice(0, 200) });
    return json;
  }

  /** Ends the process and removes its data. */
  async stop() {
    await this.#process.stop();
    rmSync(this.#folder, { recursive: true, force: true });
  }
}
