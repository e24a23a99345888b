/** Tokens: good ones, forged ones, and well-signed ones whose claims are not what they should be. */
import { createHmac } from 'node:crypto';
import { developmentSecret, tokenFor } from '../harness/token.js';
import type { Random } from './random.js';
import { damaged, hostileValue, users } from './values.js';

export function goodToken(random: Random): string {
  return tokenFor(random.pick(users));
}

export function someToken(random: Random): string {
  switch (random.below(6)) {
    case 0:
      return damaged(random, goodToken(random)).replaceAll(/[\r\n\0]/g, '');
    case 1:
      return sign('{"alg":"none"}', '{"id":"fuzz-user-1"}', '');
    case 2: {
      const claim = random.pick(['id', 'sub', 'userId', 'username', 'exp', 'iat', 'nbf', 'aud']);
      return sign(
        '{"alg":"HS256","typ":"JWT"}',
        `{"id":"fuzz-user-1","username":"x","${claim}":${hostileValue(random)}}`,
      );
    }
    case 3:
      return sign(`{"alg":${hostileValue(random)},"kid":${hostileValue(random)}}`, '{"id":"fuzz-user-1"}');
    case 4:
      return sign('{"alg":"HS256"}', hostileValue(random));
    default:
      return goodToken(random);
  }
}

function sign(header: string, payload: string, secret = developmentSecret): string {
  const text = `${Buffer.from(header).toString('base64url')}.${Buffer.from(payload).toString('base64url')}`;
  return secret === '' ? `${text}.` : `${text}.${createHmac('sha256', secret).update(text).digest('base64url')}`;
}
