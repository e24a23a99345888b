/**
 * Who is asking: JSON Web Tokens of the Authentication Service. The algorithm follows from the configured key and never
 * from the token, so neither `alg: none` nor a public key used as an HMAC secret gets anywhere.
 */
import { createHash, createPublicKey, createSecretKey, type KeyObject } from 'node:crypto';
import jwt from 'jsonwebtoken';
import { LRUCache } from 'lru-cache';
import { isPrintableId } from '../actors/protocol/ids.js';
import type { Config } from '../config.js';
import type { Identity, Result, Tokens } from './port.js';
import { refuse } from './refusals.js';

/** Longer ones are refused before any cryptography. */
const maxTokenLength = 8_192;

/** Verified tokens remembered; over it the least recently used are verified again. */
const remembered = 10_000;

export interface TokenOptions {
  readonly config: Pick<Config, 'jwtSecret' | 'jwtPublicKey' | 'idMaxLength'>;
  /** Told of every token that was verified anew, so that what is known of its user can be fetched ahead. */
  readonly onVerified?: (identity: Identity) => void;
  /** Milliseconds since 1970. */
  readonly now?: () => number;
}

/** @throws Error when JWT_PUBLIC_KEY is not an RSA public key in PEM */
export function createTokens({ config, onVerified, now = Date.now }: TokenOptions): Tokens {
  const key = verificationKey(config);
  const algorithms: jwt.Algorithm[] = [config.jwtPublicKey === null ? 'HS256' : 'RS256'];
  const known = new LRUCache<string, Identity>({ max: remembered });

  return {
    verify(token: unknown): Result<Identity> {
      if (typeof token !== 'string' || token.length === 0) return refuse('UNAUTHENTICATED');
      if (token.length > maxTokenLength) return refuse('UNAUTHENTICATED', 'The token is too long');
      // A digest is kept, not the token: memory holds nothing that could be used to call.
      const digest = createHash('sha256').update(token).digest('base64');
      const seen = known.get(digest);
      if (seen !== undefined) {
        if (seen.expiresAt === null || seen.expiresAt > now()) return { ok: true, value: seen };
        known.delete(digest);
        return refuse('TOKEN_EXPIRED');
      }
      const result = verify(token, key, algorithms, config.idMaxLength, now());
      if (result.ok) {
        known.set(digest, result.value);
        onVerified?.(result.value);
      }
      return result;
    },
  };
}

function verificationKey(config: TokenOptions['config']): KeyObject {
  if (config.jwtPublicKey === null) return createSecretKey(config.jwtSecret, 'utf8');
  // Environment files often carry a PEM in one line with \n written out.
  const key = createPublicKey(config.jwtPublicKey.replaceAll('\\n', '\n'));
  if (key.asymmetricKeyType !== 'rsa') throw new Error('JWT_PUBLIC_KEY: must be an RSA public key in PEM');
  return key;
}

function verify(
  token: string,
  key: KeyObject,
  algorithms: jwt.Algorithm[],
  idMaxLength: number,
  now: number,
): Result<Identity> {
  let payload: unknown;
  try {
    payload = jwt.verify(token, key, { algorithms, clockTimestamp: Math.floor(now / 1000) });
  } catch (error) {
    return error instanceof jwt.TokenExpiredError
      ? refuse('TOKEN_EXPIRED')
      : refuse('UNAUTHENTICATED', 'The token is not valid');
  }
  const identity = readClaims(payload, idMaxLength);
  return identity === null ? refuse('UNAUTHENTICATED', 'The token names no user') : { ok: true, value: identity };
}

function readClaims(payload: unknown, idMaxLength: number): Identity | null {
  if (typeof payload !== 'object' || payload === null) return null;
  const claims = payload as Readonly<Record<string, unknown>>;
  const id = claims['id'] ?? claims['sub'] ?? claims['userId'];
  const userId = typeof id === 'number' && Number.isSafeInteger(id) ? String(id) : id;
  if (typeof userId !== 'string' || !isPrintableId(userId, idMaxLength)) return null;
  const name = (value: unknown): string | null =>
    typeof value === 'string' && isPrintableId(value, idMaxLength) ? value : null;
  const email = claims['email'];
  const local = typeof email === 'string' ? email.slice(0, Math.max(0, email.indexOf('@'))) : null;
  const exp = claims['exp'];
  return {
    userId,
    username: name(claims['username']) ?? name(local) ?? userId,
    expiresAt: typeof exp === 'number' ? exp * 1000 : null,
  };
}
