// Files with documents, as the commands read them.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test, vi } from 'vitest';
import { DocumentError } from '../schemas/documents.ts';
import { CHECKERS, readDocument } from './document-files.ts';

test('a tag and a key that YAML does not know are the business of the checks: the parser prints no warning of Node', () => {
  const folder = mkdtempSync(join(tmpdir(), 'hairpin-documents-'));
  const printed = vi.spyOn(process, 'emitWarning');
  try {
    const file = join(folder, 'inventory.yaml');
    writeFileSync(file, 'source: a\nasOf: !moment 2026-01-01T00:00:00Z\n? [sites, racks]\n: []\n');
    const document = readDocument(file)!;
    expect(document.kind).toBe('inventory');
    expect(() => CHECKERS.inventory.parse(file, document.text)).toThrow(DocumentError);
    expect(printed).not.toHaveBeenCalled();
  } finally {
    printed.mockRestore();
    rmSync(folder, { recursive: true });
  }
});
