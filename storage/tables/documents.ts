// Versions of the documents that describe the network, as they were recorded.

import { createHash } from 'node:crypto';
import { homeOf, type Storage } from '../storage.ts';
import { dateTimeText } from './column-text.ts';
import { column, DATETIME_MS, type Table } from './table.ts';

/** A version of a document that was adopted. */
export interface DocumentVersion {
  readonly kind: 'inventory' | 'applications' | 'exporters';
  readonly recordedAtMs: number;
  /** The time that the document describes; 0 when the document does not say. */
  readonly asOfMs: number;
  /** Inventory source, or the file it came from. */
  readonly source: string;
  /** The whole document as JSON. */
  readonly body: string;
}

export const DOCUMENTS: Table = {
  name: 'documents',
  columns: [
    column('kind', 'LowCardinality(String)'),
    column('recordedAt', DATETIME_MS),
    column('asOf', DATETIME_MS),
    column('source', 'String'),
    column('body', 'String', 'CODEC(ZSTD(3))'),
  ],
  engine: 'MergeTree',
  order: '(kind, recordedAt)',
};

/** Leaves out a version whose body is that of the newest one of its kind (of inventories: and source). */
export async function insertDocument(storage: Storage, version: DocumentVersion): Promise<void> {
  const { kind, recordedAtMs, asOfMs, source, body } = version;
  const home = homeOf(storage);
  const [newest] = await home.select<{ hash: string }>(
    `SELECT lower(hex(SHA256(body))) AS hash FROM documents
    WHERE kind = {kind:String} AND (kind != 'inventory' OR source = {source:String}) ORDER BY recordedAt DESC LIMIT 1`,
    { kind, source },
  );
  if (newest?.hash === createHash('sha256').update(body).digest('hex')) return;
  const row = { kind, recordedAt: dateTimeText(recordedAtMs), asOf: dateTimeText(asOfMs), source, body };
  await home.insert({ table: 'documents', rows: [row] });
}
