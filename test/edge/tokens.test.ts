/** Which tokens name a user and which are refused. */
import { createHmac, generateKeyPairSync } from 'node:crypto';
import test from 'ava';
import jwt from 'jsonwebtoken';
import type { RejectionCode } from '../../src/actors/rejections.js';
import type { Identity } from '../../src/edge/port.js';
import { createTokens } from '../../src/edge/tokens.js';

const secret = 'a secret of the test that is long enough';
const config = { jwtSecret: secret, jwtPublicKey: null, idMaxLength: 255 };
const { privateKey, publicKey } = generateKeyPairSync('rsa', {
  modulusLength: 2048,
  publicKeyEncoding: { type: 'spki', format: 'pem' },
  privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
});
const second = Math.floor(Date.now() / 1000);
const claims = { id: 'ann', username: 'Ann', email: 'a@x.org', iat: second, exp: second + 60 };

function sign(payload: object, key = secret, algorithm: jwt.Algorithm = 'HS256'): string {
  return jwt.sign(payload, key, { algorithm, noTimestamp: true });
}

function part(value: unknown): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url');
}

const accepted: readonly (readonly [name: string, payload: object, identity: Partial<Identity>])[] = [
  ['id, username and exp', claims, { userId: 'ann', username: 'Ann', expiresAt: claims.exp * 1000 }],
  ['sub for id', { sub: 'sue' }, { userId: 'sue', username: 'sue', expiresAt: null }],
  ['userId for id', { userId: 'una' }, { userId: 'una' }],
  ['a number as id', { id: 42 }, { userId: '42', username: '42' }],
  ['the local part of the email for username', { id: 'a', email: 'zoe@x.org' }, { username: 'zoe' }],
  ['the id where neither names anybody', { id: 'a', username: '', email: '@x' }, { username: 'a' }],
  ['the id where the username cannot be stored', { id: 'a', username: 'x\0y' }, { username: 'a' }],
];
for (const [name, payload, expected] of accepted)
  test(`a token is accepted with ${name}`, (t) => {
    const result = createTokens({ config }).verify(sign(payload));
    t.true(result.ok);
    if (result.ok) t.like(result.value, expected);
  });

const head = `${part({ alg: 'HS256', typ: 'JWT' })}.${part(claims)}`;
const refused: readonly (readonly [name: string, token: unknown, code: RejectionCode])[] = [
  ['nothing', undefined, 'UNAUTHENTICATED'],
  ['an empty text', '', 'UNAUTHENTICATED'],
  ['a number', 7, 'UNAUTHENTICATED'],
  ['an object', { toString: () => sign(claims) }, 'UNAUTHENTICATED'],
  ['garbage', 'a.b.c', 'UNAUTHENTICATED'],
  ['an expired one', sign({ ...claims, exp: second - 1 }), 'TOKEN_EXPIRED'],
  ['one of another secret', sign(claims, 'another secret'), 'UNAUTHENTICATED'],
  ['alg none', `${part({ alg: 'none' })}.${part(claims)}.`, 'UNAUTHENTICATED'],
  ['alg nOnE', `${part({ alg: 'nOnE' })}.${part(claims)}.`, 'UNAUTHENTICATED'],
  ['HS512 of the right secret', sign(claims, secret, 'HS512'), 'UNAUTHENTICATED'],
  ['RS256', sign(claims, privateKey, 'RS256'), 'UNAUTHENTICATED'],
  ['changed claims', sign(claims).replace(/\.[^.]*\./, `.${part({ ...claims, id: 'root' })}.`), 'UNAUTHENTICATED'],
  ['one of tomorrow', sign({ ...claims, nbf: second + 86_400 }), 'UNAUTHENTICATED'],
  ['no id', sign({ username: 'x' }), 'UNAUTHENTICATED'],
  ['an empty id', sign({ id: '' }), 'UNAUTHENTICATED'],
  ['an object as id', sign({ id: { a: 1 } }), 'UNAUTHENTICATED'],
  ['a fraction as id', sign({ id: 1.5 }), 'UNAUTHENTICATED'],
  ['an id of control characters', sign({ id: '\u001fa\u001fb' }), 'UNAUTHENTICATED'],
  ['an id too long', sign({ id: 'x'.repeat(256) }), 'UNAUTHENTICATED'],
  ['a text as payload', jwt.sign('ann', secret), 'UNAUTHENTICATED'],
  ['one above 8 KB', sign({ ...claims, pad: 'x'.repeat(9_000) }), 'UNAUTHENTICATED'],
];
for (const [name, token, code] of refused)
  test(`a token is refused: ${name}`, (t) => {
    const result = createTokens({ config }).verify(token);
    t.false(result.ok);
    if (!result.ok) t.is(result.rejection.code, code);
  });

test('with a public key only RS256 counts, and the key itself is no secret', (t) => {
  const tokens = createTokens({ config: { ...config, jwtPublicKey: publicKey } });
  t.true(tokens.verify(sign(claims, privateKey, 'RS256')).ok);
  const confused = `${head}.${createHmac('sha256', publicKey).update(head).digest('base64url')}`;
  for (const token of [confused, sign(claims), sign(claims, privateKey, 'RS512')]) t.false(tokens.verify(token).ok);
});

test('a public key in one line with \\n written out is read; anything else ends the start', (t) => {
  const tokens = createTokens({ config: { ...config, jwtPublicKey: publicKey.replaceAll('\n', '\\n') } });
  t.true(tokens.verify(sign(claims, privateKey, 'RS256')).ok);
  t.throws(() => createTokens({ config: { ...config, jwtPublicKey: 'no key' } }));
  const { publicKey: curve } = generateKeyPairSync('ec', {
    namedCurve: 'P-256',
    publicKeyEncoding: { type: 'spki', format: 'pem' },
    privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
  });
  t.throws(() => createTokens({ config: { ...config, jwtPublicKey: curve } }), { message: /RSA/ });
});

test('a remembered token ends with its expiry', (t) => {
  let now = second * 1000;
  let verified = 0;
  const tokens = createTokens({ config, now: () => now, onVerified: () => (verified += 1) });
  const token = sign(claims);
  t.true(tokens.verify(token).ok);
  t.true(tokens.verify(token).ok);
  t.is(verified, 1, 'the second time it was remembered');
  now = claims.exp * 1000;
  const result = tokens.verify(token);
  t.false(result.ok);
  if (!result.ok) t.is(result.rejection.code, 'TOKEN_EXPIRED');
});
