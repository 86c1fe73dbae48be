/** @file Takes what `prepare.mjs` wrote down into the environment, where that does not say otherwise. Imported for its effect. */
import { existsSync } from 'node:fs';
import { loadEnvFile } from 'node:process';
import { ENV_FILE } from './paths.mjs';

if (existsSync(ENV_FILE)) loadEnvFile(ENV_FILE);
