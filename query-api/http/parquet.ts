// Parquet, row group by row group. hyparquet-writer is known to this module only. The footer has an entry for each column
// of each row group, so a writer grows by those: about 300 bytes each.

import { ByteWriter, type ColumnSource, ParquetWriter, schemaFromColumnData } from 'hyparquet-writer';

interface ParquetColumn {
  readonly name: string;
  readonly kind: 'text' | 'number';
}

type Values = readonly (string | number | boolean | null)[];

export class ParquetTable {
  readonly #columns: readonly ParquetColumn[];
  readonly #bytes = new ByteWriter();
  readonly #writer: ParquetWriter;

  /** `metadata` goes with the footer. */
  constructor(columns: readonly ParquetColumn[], metadata: ReadonlyMap<string, string>) {
    this.#columns = columns;
    this.#writer = new ParquetWriter({
      writer: this.#bytes,
      schema: schemaFromColumnData({ columnData: this.#sources([]) }),
      // Smallest and largest values would keep texts of every row group until the end.
      statistics: false,
      createdBy: 'hairpin',
      kvMetadata: [...metadata].map(([key, value]) => ({ key, value })),
    });
  }

  /** One row group; `values` in the order of the columns. Without rows there is none. */
  write(values: readonly Values[]): Uint8Array {
    const rows = values[0]?.length ?? 0;
    if (rows > 0) void this.#writer.write({ columnData: this.#sources(values), rowGroupSize: rows });
    return this.#taken();
  }

  finish(): Uint8Array {
    void this.#writer.finish();
    return this.#taken();
  }

  #sources(values: readonly Values[]): ColumnSource[] {
    return this.#columns.map(({ name, kind }, i) => ({
      name,
      type: kind === 'text' ? 'STRING' : 'DOUBLE',
      nullable: true,
      offsetIndex: false,
      data: (values[i] ?? []).map(value => (value === null ? null : kind === 'text' ? String(value) : Number(value))),
    }));
  }

  /** What was written since; offsets in the file go on. */
  #taken(): Uint8Array {
    const bytes = this.#bytes.getBytes().slice();
    this.#bytes.index = 0;
    return bytes;
  }
}
