// Errors that the program reports to people. A released code is never reused for something else.

export const ERROR_CODES = {
  PORT_TAKEN: 'an address to listen on is in use, or is no address of this machine',
  CERTIFICATE_UNUSABLE: 'a certificate or key named in the configuration cannot be used',
  DATA_FOLDER_TAKEN: 'another Hairpin, or another ClickHouse, uses the data folder',
  DATA_FOLDER_UNUSABLE: 'the data folder cannot be written',
  STORAGE_START_FAILED: 'the embedded ClickHouse did not start',
  STORAGE_UNREACHABLE: 'the ClickHouse server does not answer',
  STORAGE_TOO_OLD: 'the ClickHouse server is older than the oldest supported version',
  STORAGE_TOO_NEW: 'the database was written by a newer version of Hairpin',
  STORAGE_BUSY: 'another process rewrites days of tables that this version changes',
  STORAGE_FAILED: 'the ClickHouse server answered with an error',
  KAFKA_UNREACHABLE: 'the Kafka cluster does not answer, or refuses the request',
  SCHEMA_MISMATCH: 'a table in ClickHouse is not what this version expects',
  DOCUMENT_REFUSED: 'a document named in the configuration is refused',
  ENGINE_MISSING: 'the embedded ClickHouse is not installed, or not for this platform',
  CAPTURE_UNREADABLE: 'a capture file cannot be read',
  SEND_FAILED: 'datagrams cannot be sent to their destination',
  FUZZ_FAILED: 'hostile datagrams broke a guarantee of the decoder',
  API_UNPROTECTED: 'the API would listen on the network without tokens',
  API_UNREACHABLE: 'a command gets no answer from a running Hairpin',
  REENRICHMENT_REFUSED: 'a re-enrichment cannot start as requested',
  PRIVACY_KEY_UNUSABLE: 'the key for the anonymisation of addresses cannot be used',
  ALERT_TOKEN_UNUSABLE: 'the token for the webhook of alerts cannot be used',
  QUESTION_INVALID: 'a request to the API is invalid',
} as const;

export type ErrorCode = keyof typeof ERROR_CODES;

/** Says what happened, with values, and what to do about it. */
export class HairpinError extends Error {
  readonly code: ErrorCode;
  constructor(code: ErrorCode, message: string, cause?: unknown) {
    super(`${code}: ${message}`, cause === undefined ? undefined : { cause });
    this.code = code;
  }
}
