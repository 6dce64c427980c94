// The exporter of a bridge, by the protocol it speaks.

import type { ExportProtocol } from '../model/data-centre.ts';
import type { ExporterContext, FlowExporter } from './exporter.ts';
import { createIpfixExporter } from './ipfix.ts';
import { createNetflow5Exporter } from './netflow5.ts';
import { createNetflow9Exporter } from './netflow9.ts';
import { Sflow5Exporter } from './sflow5.ts';

const CREATE: Record<ExportProtocol, (context: ExporterContext) => FlowExporter> = {
  netflow5: createNetflow5Exporter,
  netflow9: createNetflow9Exporter,
  ipfix: createIpfixExporter,
  sflow5: context => new Sflow5Exporter(context),
};

export function createExporter(context: ExporterContext): FlowExporter {
  return CREATE[context.bridge.protocol](context);
}
