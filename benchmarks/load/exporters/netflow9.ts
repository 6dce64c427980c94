// NetFlow v9 (RFC 3954): sequence counts datagrams, times are milliseconds of uptime.
//
//   header 20: version 2 | count 2 | sysUptime 4 | unix_secs 4 | sequence 4 | source_id 4

import type { ExporterContext, FlowExporter } from './exporter.ts';
import { TemplatedExporter } from './templated.ts';

export function createNetflow9Exporter(context: ExporterContext): FlowExporter {
  const { bridge, bootMs } = context;
  let sequence = 0;
  return new TemplatedExporter(context, {
    headerBytes: 20,
    templateSetId: 0,
    // biome-ignore format: pairs
    timeFields: [[22, 4], [21, 4]],
    writeHeader(view, _bytes, records, templates, exportMs) {
      const seconds = Math.floor(exportMs / 1000);
      view.setUint16(0, 9);
      view.setUint16(2, records + templates);
      // The header's time has whole seconds only. The uptime is that of the same instant, so that both together
      // give the flow times to the millisecond.
      view.setUint32(4, seconds * 1000 - bootMs);
      view.setUint32(8, seconds);
      view.setUint32(12, sequence++);
      view.setUint32(16, bridge.domain);
    },
  });
}
