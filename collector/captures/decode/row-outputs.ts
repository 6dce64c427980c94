// Where decoded rows go: to text, a batch at a time; to one Arrow stream, kept in memory until its end; or nowhere.

import { encodePieces } from '../../../schemas/arrow.ts';
import { clearBatch, createBatch } from '../../../schemas/batch.ts';
import type { Column } from '../../../schemas/columns.ts';
import { DECODED_COLUMNS } from '../../../schemas/flow.ts';
import type { Output } from '../../decode/context.ts';
import type { FlowBatch } from '../../decode/flow-batch.ts';
import { redact } from './redact.ts';
import type { RowFormat } from './row-text.ts';

const BATCH_ROWS = 8192;

export interface RowOutput extends Output {
  /** The rows of a file precede what is written of the next one. */
  endFile(): void;
  /** What could not be written before the last record. */
  end(): Iterable<Uint8Array>;
}

export class TextRows implements RowOutput {
  readonly batch = createFlowBatch();
  readonly #format: RowFormat;
  readonly #list: readonly Column[];
  readonly #isRedacted: boolean;
  readonly #texts: string[];

  /** Texts are added to `texts`, the head of the format at once. */
  constructor(format: RowFormat, list: readonly Column[], isRedacted: boolean, texts: string[]) {
    this.#format = format;
    this.#list = list;
    this.#isRedacted = isRedacted;
    this.#texts = texts;
    texts.push(format.head(list));
  }

  flush(): void {
    const { batch } = this;
    if (this.#isRedacted) redact(batch);
    const rows = { ...batch, list: this.#list };
    // A text for each batch: the rows of a large capture together are longer than a string may be.
    this.#texts.push(Array.from({ length: batch.rows }, (_, row) => this.#format.line(rows, row)).join(''));
    clearBatch(batch);
  }

  endFile(): void {
    this.flush();
  }

  end(): Iterable<Uint8Array> {
    return [];
  }
}

export class ArrowRows implements RowOutput {
  batch = createFlowBatch();
  readonly #list: readonly Column[];
  readonly #isRedacted: boolean;
  readonly #kept: FlowBatch[] = [];

  constructor(list: readonly Column[], isRedacted: boolean) {
    this.#list = list;
    this.#isRedacted = isRedacted;
  }

  flush(): void {
    if (this.#isRedacted) redact(this.batch);
    this.#kept.push(this.batch);
    this.batch = createFlowBatch();
  }

  endFile(): void {}

  end(): Iterable<Uint8Array> {
    if (this.#isRedacted) redact(this.batch);
    const [first, ...more] = [this.batch, ...this.#kept].map(batch => ({ ...batch, list: this.#list }));
    return encodePieces(first!, ...more);
  }
}

/** Rows that nobody wants. */
export class NoRows implements RowOutput {
  readonly batch = createFlowBatch();

  flush(): void {
    clearBatch(this.batch);
  }

  endFile(): void {
    this.flush();
  }

  end(): Iterable<Uint8Array> {
    return [];
  }
}

function createFlowBatch(): FlowBatch {
  return createBatch(DECODED_COLUMNS, BATCH_ROWS) as unknown as FlowBatch;
}
