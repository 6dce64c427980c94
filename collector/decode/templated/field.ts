// The fields of a template, and where the one that is looked for is.

import { elementKey } from './elements.ts';

/** RFC 7011 7: a length of 65535 marks a field whose length precedes its value. */
export const VARIABLE_LENGTH = 65535;

export interface TemplateField {
  /** Element id without the enterprise bit. */
  readonly id: number;
  /** Private enterprise number, 0 for IANA. */
  readonly pen: number;
  readonly length: number;
}

/** A field of a template: its index, its length, and its offset in a record of fixed length. */
export interface Place {
  readonly field: number;
  readonly offset: number;
  readonly length: number;
}

/** Finds fields by element. */
export class FieldIndex {
  readonly fields: readonly TemplateField[];
  /** Offset of each field in a record of fixed length. */
  readonly offsets: readonly number[];
  /** Length of a record; of the shortest possible one when `variable`. */
  readonly recordLength: number;
  readonly variable: boolean;
  readonly #first = new Map<number, number>();
  readonly #last = new Map<number, number>();

  constructor(fields: readonly TemplateField[]) {
    this.fields = fields;
    const offsets: number[] = [];
    let length = 0;
    fields.forEach((field, i) => {
      offsets.push(length);
      length += field.length === VARIABLE_LENGTH ? 1 : field.length;
      const key = elementKey(field.pen, field.id);
      if (!this.#first.has(key)) this.#first.set(key, i);
      this.#last.set(key, i);
    });
    this.offsets = offsets;
    this.recordLength = length;
    this.variable = fields.some(field => field.length === VARIABLE_LENGTH);
  }

  /** Index of the first field of an element, -1 none. */
  find(element: number): number {
    return this.#first.get(element) ?? -1;
  }

  findLast(element: number): number {
    return this.#last.get(element) ?? -1;
  }

  place(field: number): Place {
    return { field, offset: this.offsets[field]!, length: this.fields[field]!.length };
  }

  /** The first field of the best of several elements. */
  placeOf(...elements: readonly number[]): Place | undefined {
    const field = elements.map(element => this.find(element)).find(index => index >= 0);
    return field === undefined ? undefined : this.place(field);
  }
}
