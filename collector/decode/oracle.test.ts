// The decoders against tshark, record by record, over other projects' captures. tshark reads the original file where
// it is a capture; raw datagrams are written to one capture, a source address for each group that shares templates.

import { execFile } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, describe, expect, test } from 'vitest';
import { onPath, requireTool } from '../../service/test-requirements.ts';
import { type CapturedDatagram, readCapture } from '../capture.ts';
import { Bench, CORPUS, datagramOf, type Row, u8, u16, u32, zeros } from './testdata.ts';

const ready =
  requireTool('tshark', onPath('tshark'), 'no such program on PATH (Debian package tshark)') &&
  requireTool('corpus', existsSync(CORPUS), `no folder ${CORPUS}`);

/** Captures that tshark reads as they are. */
const CAPTURES: readonly string[] = [
  // NetFlow v5
  'akvorado/netflow/nfv5.pcap',
  'openvswitch-generated/ovs-netflow5.pcap',
  'softflowd-generated/softflowd-v5.pcap',
  // NetFlow v9
  'akvorado/netflow/data+templates.pcap',
  'akvorado/netflow/mpls.pcap',
  'akvorado/netflow/nat.pcap',
  'beats/pcap/netflow9_ubiquiti_edgerouter.pcap',
  'libnetflow9/1.pcap',
  'pmacct/101-NFv9-CISCO-cust_primitives/traffic-00.pcap',
  'pmacct/102-NFv9-CISCO-f2rd-pretag-sampling-reload/traffic-00.pcap',
  'softflowd-generated/softflowd-v9.pcap',
  // IPFIX
  'NetGauze/flow/srv6/srv6.pcap',
  'akvorado/netflow/physicalinterfaces.pcap',
  'beats/pcap/ipfix_cisco.pcap',
  'beats/pcap/netflow9_e10s_4_7byte_pad.pcap',
  'openvswitch-generated/ovs-ipfix.pcap',
  'pmacct/100-IPFIXv10-CISCO/traffic-00.pcap',
  'pmacct/104-IPFIXv10-IPv6-CISCO-sampling_option/traffic-00.pcap',
  'pmacct/106-IPFIXv10-HUAWEI-vrf_name/traffic-00.pcap',
  'pmacct/111-IPFIXv10-NFv9-IPv6-IPv4-mix_sources/traffic-00.pcap',
  'pmacct/111-IPFIXv10-NFv9-IPv6-IPv4-mix_sources/traffic-01.pcap',
  'pmacct/112-IPFIXv10-CISCO-options-map-reassignment/traffic-00.pcap',
  'pmacct/400-IPFIXv10-BMP-CISCO-SRv6-multiple-sources/traffic-00.pcap',
  'pmacct/400-IPFIXv10-BMP-CISCO-SRv6-multiple-sources/traffic-01.pcap',
  'pmacct/401-IPFIXv10-BMP-IPv6-CISCO-MPLS-multiple-sources/traffic-00.pcap',
  'pmacct/401-IPFIXv10-BMP-IPv6-CISCO-MPLS-multiple-sources/traffic-01.pcap',
  'pmacct/403-IPFIXv10-BMP-IPv6-CISCO-locrib-peerdown-vrf/traffic-00.pcap',
  'pmacct/500-IPFIXv10-BGP-CISCO-SRv6/traffic-00.pcap',
  'pmacct/501-IPFIXv10-BGP-IPv6-CISCO-MPLS/traffic-00.pcap',
  'pmacct/502-IPFIXv10-BGP-IPv6-CISCO-SRv6-lcomms/traffic-00.pcap',
  'softflowd-generated/softflowd-ipfix-biflow.pcap',
  'softflowd-generated/softflowd-ipfix.pcap',
  'softflowd-generated/softflowd-psamp.pcap',
];
