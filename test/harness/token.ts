/** Signs tokens as the Authentication Service does. */
import jwt from 'jsonwebtoken';

/** The development secret that the service takes when JWT_SECRET is unset. */
export const developmentSecret = 'your_jwt_secret_for_development_only';

export interface TokenOptions {
  /** The `username` claim; the user id when left out. */
  readonly username?: string;
  /** Seconds from now until it expires; negative for an expired one. Defaults to an hour. */
  readonly expiresInS?: number;
  readonly secret?: string;
  /** Further claims, over the usual ones. */
  readonly claims?: Readonly<Record<string, unknown>>;
}

/** A signed HS256 token for a user. */
export function tokenFor(userId: string, options: TokenOptions = {}): string {
  const now = Math.floor(Date.now() / 1000);
  const claims = {
    id: userId,
    username: options.username ?? userId,
    email: `${encodeURIComponent(userId)}@example.org`,
    iat: now,
    exp: now + (options.expiresInS ?? 3600),
    ...options.claims,
  };
  return jwt.sign(claims, options.secret ?? developmentSecret, { algorithm: 'HS256' });
}
