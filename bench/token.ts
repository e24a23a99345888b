/** Tokens as the Authentication Service signs them. */
import jwt from 'jsonwebtoken';

/** A JWT of a user, valid for an hour. */
export function sign(userId: string, secret: string): string {
  return jwt.sign({ id: userId, username: userId, email: `${userId}@example.org` }, secret, {
    algorithm: 'HS256',
    expiresIn: 3600,
  });
}
