// Certificate, key and authorities of the TLS ports, read from the files that the configuration names. What cannot be
// used is reported by file and reason, at the start and when a file changes later.

import { createPrivateKey, X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createSecureContext } from 'node:tls';
import { HairpinError } from '../../service/errors.ts';
import type { CollectorConfiguration } from '../configuration.ts';

export interface TlsCredentials {
  readonly cert: string;
  readonly key: string;
  /** Authorities of the exporters' certificates; undefined when exporters need none. */
  readonly ca: string | undefined;
}

type Files = Pick<CollectorConfiguration, 'ipfixTlsCert' | 'ipfixTlsKey' | 'ipfixTlsCa'>;

/** Throws CERTIFICATE_UNUSABLE. */
export function readCredentials({ ipfixTlsCert, ipfixTlsKey, ipfixTlsCa }: Files): TlsCredentials {
  const cert = read('--ipfix-tls-cert', ipfixTlsCert);
  const key = read('--ipfix-tls-key', ipfixTlsKey);
  const ca = ipfixTlsCa === '' ? undefined : read('--ipfix-tls-ca', ipfixTlsCa);
  const certificate = parsed('--ipfix-tls-cert', ipfixTlsCert, 'certificate', () => new X509Certificate(cert));
  const privateKey = parsed('--ipfix-tls-key', ipfixTlsKey, 'private key without a passphrase', () =>
    createPrivateKey(key),
  );
  if (ca !== undefined) parsed('--ipfix-tls-ca', ipfixTlsCa, 'certificate', () => new X509Certificate(ca));
  if (!certificate.checkPrivateKey(privateKey))
    throw new HairpinError(
      'CERTIFICATE_UNUSABLE',
      `the key ${ipfixTlsKey} does not belong to the certificate ${ipfixTlsCert}; check --ipfix-tls-key`,
    );
  // What TLS itself requires beyond that, such as a key that is long enough.
  parsed('--ipfix-tls-cert', ipfixTlsCert, 'certificate that TLS takes', () => createSecureContext({ cert, key, ca }));
  return { cert, key, ca };
}

function read(flag: string, file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    const { code = 'unknown error' } = error as NodeJS.ErrnoException;
    throw new HairpinError('CERTIFICATE_UNUSABLE', `${file} cannot be read (${code}); check ${flag}`, error);
  }
}

function parsed<T>(flag: string, file: string, what: string, parse: () => T): T {
  try {
    return parse();
  } catch (error) {
    const { message } = error as Error;
    throw new HairpinError(
      'CERTIFICATE_UNUSABLE',
      `${file} holds no ${what} in PEM (${message}); check ${flag}`,
      error,
    );
  }
}
