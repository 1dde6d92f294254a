import { expect, it } from 'vitest';
import { networkCause } from '../../src/queue/network-cause.ts';

const said = (code: string, words = ''): string =>
  `TypeError: fetch failed TypeError: fetch failed\n\nCaused by: Error: ${words} (${code})\nError: at x (y.js:1:2)`;

it.each([
  ['ETIMEDOUT', /^Cannot reach db\.example: the connection timed out\.$/],
  ['UND_ERR_CONNECT_TIMEOUT', /timed out/],
  ['UND_ERR_HEADERS_TIMEOUT', /did not answer in time/],
  ['ENOTFOUND', /does not resolve\. Check the project URL\.$/],
  ['EAI_AGAIN', /DNS does not answer/],
  ['ECONNREFUSED', /refused/],
  ['ECONNRESET', /closed before the answer/],
  ['UND_ERR_SOCKET', /closed before the answer/],
  ['EPIPE', /closed before the answer/],
  ['EHOSTUNREACH', /no network route/],
  ['ENETUNREACH', /no network route/],
  ['CERT_HAS_EXPIRED', /certificate has expired/],
  ['DEPTH_ZERO_SELF_SIGNED_CERT', /NODE_EXTRA_CA_CERTS/],
  ['SELF_SIGNED_CERT_IN_CHAIN', /NODE_EXTRA_CA_CERTS/],
  ['UNABLE_TO_VERIFY_LEAF_SIGNATURE', /NODE_EXTRA_CA_CERTS/],
  ['ERR_TLS_CERT_ALTNAME_INVALID', /for another host name/],
  ['EPROTO', /TLS failed/],
  ['ERR_SSL_WRONG_VERSION_NUMBER', /TLS failed/],
])('%s is put in words', (code, words) => {
  expect(networkCause('db.example', said(code))).toMatch(words);
});

it('an unknown cause is shown without a stack trace', () => {
  const text = networkCause('db.example', said('EWEIRD', 'something new'));
  expect(text).toBe('Cannot reach db.example: Error: something new (EWEIRD).');
});

it('a project whose name does not resolve may be paused or deleted', () => {
  expect(networkCause('abcdefghijklmnopqrst.supabase.co', said('ENOTFOUND'))).toMatch(/deleted, or paused/);
});
