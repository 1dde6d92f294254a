import { oneLine } from './one-line.ts';

/** What network errors mean, by the code or the words that Node gives them. The first match counts. */
const CAUSES: readonly (readonly [pattern: RegExp, meaning: string])[] = [
  [/\bEAI_AGAIN\b/, 'its name could not be looked up: DNS does not answer. Try again in a moment'],
  [/\bECONNREFUSED\b/, 'the connection is refused: nothing listens there'],
  [/\b(ETIMEDOUT|UND_ERR_CONNECT_TIMEOUT|ConnectTimeoutError)\b/, 'the connection timed out'],
  [/\b(UND_ERR_HEADERS_TIMEOUT|UND_ERR_BODY_TIMEOUT|TimeoutError)\b/, 'it did not answer in time'],
  [/\b(EHOSTUNREACH|ENETUNREACH|EHOSTDOWN|ENETDOWN|EADDRNOTAVAIL)\b/, 'there is no network route to it'],
  [
    /\b(ECONNRESET|ECONNABORTED|EPIPE|UND_ERR_SOCKET)\b|other side closed|socket hang up|terminated/,
    'the connection was closed before the answer was complete',
  ],
  [/\bCERT_HAS_EXPIRED\b/, 'its TLS certificate has expired'],
  [/\bCERT_NOT_YET_VALID\b/, 'its TLS certificate is not valid yet: check the clock of this machine'],
  [/\bERR_TLS_CERT_ALTNAME_INVALID\b/, 'its TLS certificate is for another host name. Check the project URL'],
  [
    /\b(DEPTH_ZERO_SELF_SIGNED_CERT|SELF_SIGNED_CERT_IN_CHAIN|UNABLE_TO_[A-Z_]+|CERT_[A-Z_]+)\b|certificate/i,
    'its TLS certificate is not trusted here. Behind a proxy with a certificate of its own, set NODE_EXTRA_CA_CERTS to the file of its authority',
  ],
  [/\bEPROTO\b|\bERR_SSL_|\bERR_TLS_|\bSSL\b/, 'TLS failed: it may not serve https at this port'],
  [/\b(HPE_[A-Z_]+|UND_ERR_[A-Z_]+)\b/, 'it does not speak HTTP as expected'],
  [/\bAbortError\b/, 'the request was stopped'],
];

/**
 * Why nothing answered, in words.
 * @param text what supabase-js says of the error: its message, the causes with their codes, and a stack trace
 */
export function networkCause(host: string, text: string): string {
  if (/\bENOTFOUND\b/.test(text)) {
    const isProject = /\.supabase\.(co|in|red)(:\d+)?$/i.test(host);
    const why = isProject
      ? 'A project that was deleted, or paused for a long time, has no address any more: look at it in the Supabase dashboard, and check the project URL.'
      : 'Check the project URL.';
    return `Cannot reach ${host}: its name does not resolve. ${why}`;
  }
  const meaning = CAUSES.find(([pattern]) => pattern.test(text))?.[1];
  return `Cannot reach ${host}: ${meaning ?? unknownCause(text)}.`;
}

/** The error's own words, without the stack trace. */
function unknownCause(text: string): string {
  const cause = /Caused by: ([^\n]+)/.exec(text)?.[1] ?? text.split('\n', 1)[0] ?? '';
  return oneLine(cause, 160).replace(/\.$/, '') || 'the network failed';
}
