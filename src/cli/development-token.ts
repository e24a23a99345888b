/** Tokens for development: signed with the configured secret, in the Authentication Service's shape. */
import jwt from 'jsonwebtoken';
import { ConfigError, type Config } from '../config.js';

/**
 * A token for a user, valid for 12 hours.
 * @throws ConfigError in production, and where tokens are signed with a private key that this service does not have
 */
export function developmentToken(
  config: Pick<Config, 'nodeEnv' | 'jwtSecret' | 'jwtPublicKey'>,
  userId: string,
  username = userId,
): string {
  if (config.nodeEnv === 'production') throw new ConfigError('NODE_ENV: tokens are not made in production');
  if (config.jwtPublicKey !== null)
    throw new ConfigError('JWT_PUBLIC_KEY: with it set, only the holder of the private key can sign tokens');
  const claims = { id: userId, username, email: `${encodeURIComponent(username)}@development.invalid` };
  return jwt.sign(claims, config.jwtSecret, { algorithm: 'HS256', expiresIn: '12h' });
}
