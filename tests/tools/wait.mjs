/** @file Waiting, always with an end. */

/** @param {number} milliseconds @returns {Promise<void>} */
export const pause = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));

/**
 * Asks again and again until the answer is not falsy.
 * @template T
 * @param {string} what is waited for, for the message
 * @param {number} seconds at most
 * @param {() => T | Promise<T>} probe an error of it counts as not yet, and is told at the end
 * @returns {Promise<T>}
 */
export async function until(what, seconds, probe) {
  const end = Date.now() + seconds * 1000;
  let last = 'no';
  while (Date.now() < end) {
    try {
      const answer = await probe();
      if (answer) return answer;
    } catch (error) {
      last = error.message;
    }
    await pause(50);
  }
  throw new Error(`waited ${seconds} s for ${what}: ${last}`);
}

/**
 * @template T
 * @param {string} what takes its time, for the message
 * @param {number} seconds at most
 * @param {Promise<T>} promise
 * @returns {Promise<T>}
 */
export async function within(what, seconds, promise) {
  let timer;
  const late = new Promise((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error(`${what} took longer than ${seconds} s`)), seconds * 1000);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}
