/**
 * `npm run token -- <userId> [username]`: prints a JWT as the Authentication Service would sign it, for trying things out.
 * It refuses in production, where only that service may say who somebody is.
 */
import { ConfigError, readConfig } from '../config.js';
import { developmentToken } from './development-token.js';

const [userId, username] = process.argv.slice(2);
try {
  if (userId === undefined || userId === '') throw new ConfigError('usage: npm run token -- <userId> [username]');
  console.log(developmentToken(readConfig(), userId, username));
} catch (error) {
  if (!(error instanceof ConfigError)) throw error;
  console.error(error.message);
  process.exitCode = 1;
}
