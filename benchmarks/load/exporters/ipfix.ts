// IPFIX (RFC 7011): sequence counts data records, times are milliseconds since the epoch.
//
//   header 16: version 2 | length 2 | export time 4 | sequence 4 | observation domain 4

import type { ExporterContext, FlowExporter } from './exporter.ts';
import { TemplatedExporter } from './templated.ts';

export function createIpfixExporter(context: ExporterContext): FlowExporter {
  let sequence = 0;
  return new TemplatedExporter(context, {
    headerBytes: 16,
    templateSetId: 2,
    // biome-ignore format: pairs
    timeFields: [[152, 8], [153, 8]],
    writeHeader(view, bytes, records, _templates, exportMs) {
      view.setUint16(0, 10);
      view.setUint16(2, bytes);
      view.setUint32(4, Math.floor(exportMs / 1000));
      view.setUint32(8, sequence);
      view.setUint32(12, context.bridge.domain);
      sequence += records; // RFC 7011 3.1: records sent before this message
    },
  });
}
