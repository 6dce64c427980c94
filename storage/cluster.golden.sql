CREATE DATABASE IF NOT EXISTS hairpin_local ON CLUSTER traffic
ENGINE = Atomic;

CREATE TABLE IF NOT EXISTS hairpin_local.flows ON CLUSTER traffic
(
    `receivedAt` DateTime64(3, 'UTC') CODEC(Delta, LZ4),
    `flowStart` DateTime64(3, 'UTC') CODEC(Delta, LZ4),
    `flowEnd` DateTime64(3, 'UTC') CODEC(Delta, LZ4),
    `timeSource` UInt8,
    `exporter` IPv6,
    `observationDomain` UInt32,
    `protocol` UInt8,
    `inIf` UInt32,
    `outIf` UInt32,
    `direction` UInt8,
    `forwardingStatus` UInt8,
    `samplingRate` UInt32,
    `rateSource` UInt8,
    `bytes` UInt64,
    `packets` UInt64,
    `l2Bytes` UInt64,
    `bytesSumOfSquares` UInt64,
    `packetBytesMax` UInt32,
    `srcAddr` IPv6,
    `dstAddr` IPv6,
    `vrf` UInt32,
    `etherType` UInt16,
    `proto` UInt8,
    `srcPort` UInt16,
    `dstPort` UInt16,
    `tcpFlags` UInt8,
    `tos` UInt8,
    `srcMac` UInt64,
    `dstMac` UInt64,
    `vlan` UInt16,
    `sVlan` UInt16,
    `ecid` UInt32,
    `vni` UInt32,
    `stationId` FixedString(16),
    `biflow` UInt8,
    `srcVm` UInt64,
    `dstVm` UInt64,
    `srcHost` UInt64,
    `dstHost` UInt64,
    `srcRack` UInt64,
    `dstRack` UInt64,
    `srcApp` UInt64,
    `dstApp` UInt64,
    `service` UInt64,
    `serverSide` UInt8,
    `serverSideReason` UInt8,
    `srcRule` UInt8,
    `dstRule` UInt8,
    `srcIdentity` UInt8,
    `dstIdentity` UInt8,
    `locality` UInt8,
    `weight` Float32,
    `countReason` UInt8,
    `electionRule` UInt8,
    `marks` UInt16,
    `estBytes` UInt64,
    `estPackets` UInt64,
    `varBytes` Float64,
    `inventoryAsOf` DateTime64(3, 'UTC') CODEC(Delta, LZ4),
    `revision` UInt32,
    `batch` UInt64,
    `storedAt` DateTime('UTC') DEFAULT now() CODEC(Delta, LZ4),
    INDEX storedAtRange storedAt TYPE minmax GRANULARITY 1,
    INDEX batches batch TYPE bloom_filter(0.001) GRANULARITY 1
)
ENGINE = ReplicatedMergeTree('/clickhouse/tables/{shard}/hairpin_local/flows', '{replica}')
PARTITION BY toYYYYMMDD(receivedAt)
ORDER BY receivedAt
TTL toDateTime(receivedAt) + toIntervalDay(30)
SETTINGS replicated_deduplication_window = 100000, replicated_deduplication_window_seconds = 604800, ttl_only_drop_parts = 1, min_bytes_for_wide_part = 1073741824;

CREATE TABLE IF NOT EXISTS hairpin_local.traffic_1m ON CLUSTER traffic
(
    `day` UInt32,
    `bucket` DateTime('UTC'),
    `srcApp` UInt64,
    `dstApp` UInt64,
    `service` UInt64,
    `serverSide` UInt8,
    `locality` UInt8,
    `bytes` UInt64,
    `packets` UInt64,
    `varBytes` Float64,
    `samples` UInt64,
    `records` UInt64
)
ENGINE = ReplicatedSummingMergeTree('/clickhouse/tables/{shard}/hairpin_local/traffic_1m', '{replica}', (bytes, packets, varBytes, samples, records))
PARTITION BY day
ORDER BY (bucket, srcApp, dstApp, service, serverSide, locality, day)
TTL bucket + toIntervalDay(80)
SETTINGS replicated_deduplication_window = 100000, replicated_deduplication_window_seconds = 604800, ttl_only_drop_parts = 1, min_bytes_for_wide_part = 1073741824;

CREATE TABLE IF NOT EXISTS hairpin_local.traffic_5m ON CLUSTER traffic
(
    `day` UInt32,
    `bucket` DateTime('UTC'),
    `srcApp` UInt64,
    `dstApp` UInt64,
    `service` UInt64,
    `serverSide` UInt8,
    `locality` UInt8,
    `bytes` UInt64,
    `packets` UInt64,
    `varBytes` Float64,
    `samples` UInt64,
    `records` UInt64
)
ENGINE = ReplicatedSummingMergeTree('/clickhouse/tables/{shard}/hairpin_local/traffic_5m', '{replica}', (bytes, packets, varBytes, samples, records))
PARTITION BY day
ORDER BY (bucket, srcApp, dstApp, service, serverSide, locality, day)
TTL bucket + toIntervalDay(80)
SETTINGS replicated_deduplication_window = 100000, replicated_deduplication_window_seconds = 604800, ttl_only_drop_parts = 1, min_bytes_for_wide_part = 1073741824;

CREATE TABLE IF NOT EXISTS hairpin_local.traffic_1h ON CLUSTER traffic
(
    `day` UInt32,
    `bucket` DateTime('UTC'),
    `srcApp` UInt64,
    `dstApp` UInt64,
    `service` UInt64,
    `serverSide` UInt8,
    `locality` UInt8,
    `bytes` UInt64,
    `packets` UInt64,
    `varBytes` Float64,
    `samples` UInt64,
    `records` UInt64
)
ENGINE = ReplicatedSummingMergeTree('/clickhouse/tables/{shard}/hairpin_local/traffic_1h', '{replica}', (bytes, packets, varBytes, samples, records))
PARTITION BY day
ORDER BY (bucket, srcApp, dstApp, service, serverSide, locality, day)
TTL bucket + toIntervalDay(800)
SETTINGS replicated_deduplication_window = 100000, replicated_deduplication_window_seconds = 604800, ttl_only_drop_parts = 1, min_bytes_for_wide_part = 1073741824;

CREATE TABLE IF NOT EXISTS hairpin_local.pairs_5m ON CLUSTER traffic
(
    `day` UInt32,
    `bucket` DateTime('UTC'),
    `srcApp` UInt64,
    `dstApp` UInt64,
    `service` UInt64,
    `serverSide` UInt8,
    `locality` UInt8,
    `srcVm` UInt64,
    `dstVm` UInt64,
    `srcHost` UInt64,
    `dstHost` UInt64,
    `srcRack` UInt64,
    `dstRack` UInt64,
    `bytes` UInt64,
    `packets` UInt64,
    `varBytes` Float64,
    `samples` UInt64,
    `records` UInt64
)
ENGINE = ReplicatedSummingMergeTree('/clickhouse/tables/{shard}/hairpin_local/pairs_5m', '{replica}', (bytes, packets, varBytes, samples, records))
PARTITION BY day
ORDER BY (bucket, srcApp, dstApp, service, serverSide, locality, srcVm, dstVm, srcHost, dstHost, srcRack, dstRack, day)
TTL bucket + toIntervalDay(80)
SETTINGS replicated_deduplication_window = 100000, replicated_deduplication_window_seconds = 604800, ttl_only_drop_parts = 1, min_bytes_for_wide_part = 1073741824;

CREATE TABLE IF NOT EXISTS hairpin_local.pairs_1h ON CLUSTER traffic
(
    `day` UInt32,
    `bucket` DateTime('UTC'),
    `srcApp` UInt64,
    `dstApp` UInt64,
    `service` UInt64,
    `serverSide` UInt8,
    `locality` UInt8,
    `srcVm` UInt64,
    `dstVm` UInt64,
    `srcHost` UInt64,
    `dstHost` UInt64,
    `srcRack` UInt64,
    `dstRack` UInt64,
    `bytes` UInt64,
    `packets` UInt64,
    `varBytes` Float64,
    `samples` UInt64,
    `records` UInt64
)
ENGINE = ReplicatedSummingMergeTree('/clickhouse/tables/{shard}/hairpin_local/pairs_1h', '{replica}', (bytes, packets, varBytes, samples, records))
PARTITION BY day
ORDER BY (bucket, srcApp, dstApp, service, serverSide, locality, srcVm, dstVm, srcHost, dstHost, srcRack, dstRack, day)
TTL bucket + toIntervalDay(800)
SETTINGS replicated_deduplication_window = 100000, replicated_deduplication_window_seconds = 604800, ttl_only_drop_parts = 1, min_bytes_for_wide_part = 1073741824;

CREATE TABLE IF NOT EXISTS hairpin_local.unelected_5m ON CLUSTER traffic
(
    `day` UInt32,
    `bucket` DateTime('UTC'),
    `srcApp` UInt64,
    `dstApp` UInt64,
    `service` UInt64,
    `serverSide` UInt8,
    `locality` UInt8,
    `srcVm` UInt64,
    `dstVm` UInt64,
    `srcHost` UInt64,
    `dstHost` UInt64,
    `srcRack` UInt64,
    `dstRack` UInt64,
    `pair` UInt64,
    `point` UInt64,
    `bytes` UInt64,
    `packets` UInt64,
    `varBytes` Float64,
    `samples` UInt64,
    `records` UInt64
)
ENGINE = ReplicatedSummingMergeTree('/clickhouse/tables/{shard}/hairpin_local/unelected_5m', '{replica}', (bytes, packets, varBytes, samples, records))
PARTITION BY day
ORDER BY (bucket, srcApp, dstApp, service, serverSide, locality, srcVm, dstVm, srcHost, dstHost, srcRack, dstRack, pair, point, day)
TTL bucket + toIntervalDay(80)
SETTINGS replicated_deduplication_window = 100000, replicated_deduplication_window_seconds = 604800, ttl_only_drop_parts = 1, min_bytes_for_wide_part = 1073741824;

CREATE TABLE IF NOT EXISTS hairpin_local.exporters ON CLUSTER traffic
(
    `minute` DateTime64(3, 'UTC'),
    `exporter` IPv6,
    `observationDomain` UInt32,
    `protocol` UInt8,
    `lastSeen` DateTime64(3, 'UTC'),
    `datagrams` UInt64,
    `datagramBytes` UInt64,
    `records` UInt64,
    `lost` UInt64,
    `restarts` UInt64,
    `templates` UInt64,
    `unknownTemplateSets` UInt64,
    `waitingSets` UInt32,
    `lostSets` UInt64,
    `malformedSets` UInt64,
    `unknownRateRecords` UInt64,
    `rateChanges` UInt64,
    `samplingRate` UInt32,
    `storedAt` DateTime('UTC') DEFAULT now()
)
ENGINE = ReplicatedMergeTree('/clickhouse/tables/{shard}/hairpin_local/exporters', '{replica}')
PARTITION BY toYYYYMMDD(minute)
ORDER BY (exporter, observationDomain, protocol, minute)
TTL toDateTime(minute) + toIntervalDay(80)
SETTINGS replicated_deduplication_window = 100000, replicated_deduplication_window_seconds = 604800, ttl_only_drop_parts = 1, min_bytes_for_wide_part = 1073741824;

CREATE TABLE IF NOT EXISTS hairpin_local.interfaces ON CLUSTER traffic
(
    `minute` DateTime64(3, 'UTC'),
    `exporter` IPv6,
    `observationDomain` UInt32,
    `protocol` UInt8,
    `ifIndex` UInt32,
    `coveredMs` UInt32,
    `inOctets` UInt64,
    `outOctets` UInt64,
    `inPackets` UInt64,
    `outPackets` UInt64,
    `inDiscards` UInt64,
    `outDiscards` UInt64,
    `inErrors` UInt64,
    `outErrors` UInt64,
    `speedBps` UInt64,
    `storedAt` DateTime('UTC') DEFAULT now()
)
ENGINE = ReplicatedMergeTree('/clickhouse/tables/{shard}/hairpin_local/interfaces', '{replica}')
PARTITION BY toYYYYMMDD(minute)
ORDER BY (exporter, observationDomain, protocol, ifIndex, minute)
TTL toDateTime(minute) + toIntervalDay(80)
SETTINGS replicated_deduplication_window = 100000, replicated_deduplication_window_seconds = 604800, ttl_only_drop_parts = 1, min_bytes_for_wide_part = 1073741824;

CREATE TABLE IF NOT EXISTS hairpin_local.nodes ON CLUSTER traffic
(
    `key` UInt64,
    `class` UInt8 MATERIALIZED bitShiftRight(key, 56),
    `name` String,
    `identity` String,
    `firstSeen` DateTime64(3, 'UTC') DEFAULT now64(3)
)
ENGINE = ReplicatedReplacingMergeTree('/clickhouse/tables/{shard}/hairpin_local/nodes', '{replica}', firstSeen)
ORDER BY (key, name);

CREATE TABLE IF NOT EXISTS hairpin_local.facts ON CLUSTER traffic
(
    `exporter` IPv6,
    `observationDomain` UInt32,
    `protocol` UInt8,
    `kind` LowCardinality(String),
    `ifIndex` UInt32,
    `mac` UInt64,
    `stationId` String,
    `name` String,
    `hostId` String,
    `firstSeen` DateTime64(3, 'UTC'),
    `lastSeen` DateTime64(3, 'UTC')
)
ENGINE = ReplicatedReplacingMergeTree('/clickhouse/tables/{shard}/hairpin_local/facts', '{replica}', lastSeen)
ORDER BY (exporter, observationDomain, kind, ifIndex, mac, stationId)
TTL toDateTime(lastSeen) + toIntervalDay(30);

CREATE TABLE IF NOT EXISTS hairpin_local.services ON CLUSTER traffic
(
    `address` IPv6,
    `vrf` UInt32,
    `proto` UInt8,
    `port` UInt16,
    `answered` UInt8,
    `day` Date,
    `firstSeen` SimpleAggregateFunction(min, DateTime64(3, 'UTC')),
    `lastSeen` SimpleAggregateFunction(max, DateTime64(3, 'UTC')),
    `storedAt` SimpleAggregateFunction(max, DateTime64(3, 'UTC')) DEFAULT now64(3)
)
ENGINE = ReplicatedAggregatingMergeTree('/clickhouse/tables/{shard}/hairpin_local/services', '{replica}')
ORDER BY (address, vrf, proto, port, answered, day)
TTL day + toIntervalDay(30);

CREATE TABLE IF NOT EXISTS hairpin_local.documents ON CLUSTER traffic
(
    `kind` LowCardinality(String),
    `recordedAt` DateTime64(3, 'UTC'),
    `asOf` DateTime64(3, 'UTC'),
    `source` String,
    `body` String CODEC(ZSTD(3))
)
ENGINE = ReplicatedMergeTree('/clickhouse/tables/{shard}/hairpin_local/documents', '{replica}')
ORDER BY (kind, recordedAt);

CREATE TABLE IF NOT EXISTS hairpin_local.heartbeats ON CLUSTER traffic
(
    `kind` LowCardinality(String),
    `source` String,
    `asOf` DateTime64(3, 'UTC'),
    `recordedAt` DateTime64(3, 'UTC')
)
ENGINE = ReplicatedReplacingMergeTree('/clickhouse/tables/{shard}/hairpin_local/heartbeats', '{replica}', recordedAt)
ORDER BY (kind, source, asOf)
TTL toDateTime(asOf) + toIntervalDay(800);

CREATE TABLE IF NOT EXISTS hairpin_local.events ON CLUSTER traffic
(
    `kind` LowCardinality(String),
    `mac` UInt64,
    `toExporter` IPv6,
    `toIfIndex` UInt32,
    `at` DateTime64(3, 'UTC'),
    `lastSeen` SimpleAggregateFunction(max, DateTime64(3, 'UTC')),
    `detectedAt` SimpleAggregateFunction(min, DateTime64(3, 'UTC')),
    `confirmedAt` SimpleAggregateFunction(max, DateTime64(3, 'UTC')),
    `vm` SimpleAggregateFunction(max, UInt64),
    `fromHost` SimpleAggregateFunction(max, UInt64),
    `toHost` SimpleAggregateFunction(max, UInt64),
    `fromExporter` SimpleAggregateFunction(max, IPv6),
    `fromIfIndex` SimpleAggregateFunction(max, UInt32)
)
ENGINE = ReplicatedAggregatingMergeTree('/clickhouse/tables/{shard}/hairpin_local/events', '{replica}')
ORDER BY (kind, mac, toExporter, toIfIndex, at)
TTL toDateTime(at) + toIntervalDay(800);

CREATE TABLE IF NOT EXISTS hairpin_local.passes ON CLUSTER traffic
(
    `minute` DateTime('UTC'),
    `state` LowCardinality(String),
    `at` DateTime64(3, 'UTC') DEFAULT now64(3)
)
ENGINE = ReplicatedReplacingMergeTree('/clickhouse/tables/{shard}/hairpin_local/passes', '{replica}', at)
ORDER BY (minute, state);

CREATE TABLE IF NOT EXISTS hairpin_local.passers ON CLUSTER traffic
(
    `candidate` String,
    `since` DateTime64(6, 'UTC'),
    `lives` UInt8,
    `at` DateTime64(6, 'UTC') DEFAULT now64(6)
)
ENGINE = ReplicatedReplacingMergeTree('/clickhouse/tables/{shard}/hairpin_local/passers', '{replica}', at)
ORDER BY candidate
TTL toDateTime(at) + toIntervalDay(1);

CREATE TABLE IF NOT EXISTS hairpin_local.reenrichments ON CLUSTER traffic
(
    `run` String,
    `day` UInt32,
    `state` LowCardinality(String),
    `revision` UInt32,
    `knowledge` String,
    `records` UInt64,
    `detail` String,
    `at` DateTime64(6, 'UTC') DEFAULT now64(6)
)
ENGINE = ReplicatedReplacingMergeTree('/clickhouse/tables/{shard}/hairpin_local/reenrichments', '{replica}', at)
ORDER BY (run, day, state);

CREATE TABLE IF NOT EXISTS hairpin_local.migrations ON CLUSTER traffic
(
    `id` UInt32,
    `name` String,
    `at` DateTime64(3, 'UTC') DEFAULT now64(3)
)
ENGINE = ReplicatedReplacingMergeTree('/clickhouse/tables/{shard}/hairpin_local/migrations', '{replica}', at)
ORDER BY id;

CREATE MATERIALIZED VIEW IF NOT EXISTS hairpin_local.traffic_1m_view ON CLUSTER traffic TO hairpin_local.traffic_1m
AS SELECT
    toYYYYMMDD(received) AS day,
    toDateTime(slot * 60, 'UTC') AS bucket,
    srcApp,
    dstApp,
    service,
    serverSide,
    locality,
    sum(toUInt64(((intDiv(totalBytes, span) * msTo) + intDiv((totalBytes % span) * msTo, span)) - ((intDiv(totalBytes, span) * msFrom) + intDiv((totalBytes % span) * msFrom, span)))) AS bytes,
    sum(toUInt64(((intDiv(totalPackets, span) * msTo) + intDiv((totalPackets % span) * msTo, span)) - ((intDiv(totalPackets, span) * msFrom) + intDiv((totalPackets % span) * msFrom, span)))) AS packets,
    sum((totalVariance * (msTo - msFrom)) / span) AS varBytes,
    sum(toUInt64(((intDiv(sampled, span) * msTo) + intDiv((sampled % span) * msTo, span)) - ((intDiv(sampled, span) * msFrom) + intDiv((sampled % span) * msFrom, span)))) AS samples,
    countIf(msTo = span) AS records
FROM
(
    SELECT
        toDate(receivedAt) AS received,
        srcApp,
        dstApp,
        service,
        serverSide,
        locality,
        if(weight = 1, estBytes, toUInt64(estBytes * toFloat64(weight))) AS totalBytes,
        if(weight = 1, estPackets, toUInt64(estPackets * toFloat64(weight))) AS totalPackets,
        (varBytes * toFloat64(weight)) * toFloat64(weight) AS totalVariance,
        multiIf(samplingRate <= 1, 0, rateSource = 8, intDiv(packets, samplingRate), packets) AS sampled,
        toUInt64(toUnixTimestamp64Milli(flowStart)) AS msBegin,
        greatest(toUInt64(toUnixTimestamp64Milli(flowEnd)), msBegin + 1) AS msEnd,
        toUInt64(msEnd - msBegin) AS span,
        arrayJoin(range(intDiv(msBegin, 60000), toUInt64(intDiv(msEnd - 1, 60000) + 1))) AS slot,
        toUInt64(greatest(slot * 60000, msBegin) - msBegin) AS msFrom,
        toUInt64(least((slot + 1) * 60000, msEnd) - msBegin) AS msTo
    FROM hairpin_local.flows
    WHERE (weight > 0) AND (bitAnd(marks, 64) = 0)
)
GROUP BY
    received,
    bucket,
    srcApp,
    dstApp,
    service,
    serverSide,
    locality;

CREATE MATERIALIZED VIEW IF NOT EXISTS hairpin_local.traffic_5m_view ON CLUSTER traffic TO hairpin_local.traffic_5m
AS SELECT
    toYYYYMMDD(YYYYMMDDToDate(f.day)) AS day,
    toDateTime(intDiv(toUnixTimestamp(f.bucket), 300) * 300, 'UTC') AS bucket,
    f.srcApp AS srcApp,
    f.dstApp AS dstApp,
    f.service AS service,
    f.serverSide AS serverSide,
    f.locality AS locality,
    sum(f.bytes) AS bytes,
    sum(f.packets) AS packets,
    sum(f.varBytes) AS varBytes,
    sum(f.samples) AS samples,
    sum(f.records) AS records
FROM hairpin_local.traffic_1m AS f
GROUP BY
    YYYYMMDDToDate(f.day),
    bucket,
    srcApp,
    dstApp,
    service,
    serverSide,
    locality;

CREATE MATERIALIZED VIEW IF NOT EXISTS hairpin_local.traffic_1h_view ON CLUSTER traffic TO hairpin_local.traffic_1h
AS SELECT
    toYYYYMMDD(YYYYMMDDToDate(f.day)) AS day,
    toDateTime(intDiv(toUnixTimestamp(f.bucket), 3600) * 3600, 'UTC') AS bucket,
    f.srcApp AS srcApp,
    f.dstApp AS dstApp,
    f.service AS service,
    f.serverSide AS serverSide,
    f.locality AS locality,
    sum(f.bytes) AS bytes,
    sum(f.packets) AS packets,
    sum(f.varBytes) AS varBytes,
    sum(f.samples) AS samples,
    sum(f.records) AS records
FROM hairpin_local.traffic_1m AS f
GROUP BY
    YYYYMMDDToDate(f.day),
    bucket,
    srcApp,
    dstApp,
    service,
    serverSide,
    locality;

CREATE MATERIALIZED VIEW IF NOT EXISTS hairpin_local.pairs_1h_view ON CLUSTER traffic TO hairpin_local.pairs_1h
AS SELECT
    toYYYYMMDD(YYYYMMDDToDate(f.day)) AS day,
    toDateTime(intDiv(toUnixTimestamp(f.bucket), 3600) * 3600, 'UTC') AS bucket,
    f.srcApp AS srcApp,
    f.dstApp AS dstApp,
    f.service AS service,
    f.serverSide AS serverSide,
    f.locality AS locality,
    f.srcVm AS srcVm,
    f.dstVm AS dstVm,
    f.srcHost AS srcHost,
    f.dstHost AS dstHost,
    f.srcRack AS srcRack,
    f.dstRack AS dstRack,
    sum(f.bytes) AS bytes,
    sum(f.packets) AS packets,
    sum(f.varBytes) AS varBytes,
    sum(f.samples) AS samples,
    sum(f.records) AS records
FROM hairpin_local.pairs_5m AS f
GROUP BY
    YYYYMMDDToDate(f.day),
    bucket,
    srcApp,
    dstApp,
    service,
    serverSide,
    locality,
    srcVm,
    dstVm,
    srcHost,
    dstHost,
    srcRack,
    dstRack;

CREATE OR REPLACE VIEW hairpin_local.flows_named ON CLUSTER traffic
AS WITH
    (
        SELECT (arrayPushFront(groupArray(key), toUInt64(0)), arrayPushFront(groupArray(current), ''))
        FROM
        (
            SELECT
                key,
                argMax(name, firstSeen) AS current
            FROM hairpin_local.nodes
            GROUP BY key
        )
    ) AS names
SELECT
    f.receivedAt AS receivedAt,
    f.flowStart AS flowStart,
    f.flowEnd AS flowEnd,
    transform(f.timeSource, [0, 1, 2, 3, 4, 5, 6], ['unknown', 'absolute', 'uptime', 'delta', 'export', 'received', 'replaced'], toString(f.timeSource)) AS timeSource,
    replaceOne(toString(f.exporter), '::ffff:', '') AS exporter,
    f.observationDomain AS observationDomain,
    transform(f.protocol, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11], ['unknown', 'netflow1', 'netflow5', 'netflow7', 'netflow8', 'netflow9', 'ipfix', 'sflow5', 'netflow6', 'sflow4', 'sflow2', 'mirror'], toString(f.protocol)) AS protocol,
    f.inIf AS inIf,
    f.outIf AS outIf,
    transform(f.direction, [0, 1, 2], ['unknown', 'ingress', 'egress'], toString(f.direction)) AS direction,
    f.forwardingStatus AS forwardingStatus,
    f.samplingRate AS samplingRate,
    transform(f.rateSource, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11], ['unknown', 'override', 'record', 'selector', 'interface', 'domain', 'header', 'sample', 'prescaled', 'template', 'pool', 'sequence'], toString(f.rateSource)) AS rateSource,
    f.bytes AS bytes,
    f.packets AS packets,
    f.l2Bytes AS l2Bytes,
    f.bytesSumOfSquares AS bytesSumOfSquares,
    f.packetBytesMax AS packetBytesMax,
    replaceOne(toString(f.srcAddr), '::ffff:', '') AS srcAddr,
    replaceOne(toString(f.dstAddr), '::ffff:', '') AS dstAddr,
    f.vrf AS vrf,
    f.etherType AS etherType,
    f.proto AS proto,
    f.srcPort AS srcPort,
    f.dstPort AS dstPort,
    f.tcpFlags AS tcpFlags,
    f.tos AS tos,
    if(f.srcMac = 0, '', MACNumToString(f.srcMac)) AS srcMac,
    if(f.dstMac = 0, '', MACNumToString(f.dstMac)) AS dstMac,
    f.vlan AS vlan,
    f.sVlan AS sVlan,
    f.ecid AS ecid,
    f.vni AS vni,
    lower(hex(f.stationId)) AS stationId,
    transform(f.biflow, [0, 1, 2], ['none', 'forward', 'reverse'], toString(f.biflow)) AS biflow,
    transform(f.srcVm, names.1, names.2, hex(f.srcVm)) AS srcVm,
    transform(f.dstVm, names.1, names.2, hex(f.dstVm)) AS dstVm,
    transform(f.srcHost, names.1, names.2, hex(f.srcHost)) AS srcHost,
    transform(f.dstHost, names.1, names.2, hex(f.dstHost)) AS dstHost,
    transform(f.srcRack, names.1, names.2, hex(f.srcRack)) AS srcRack,
    transform(f.dstRack, names.1, names.2, hex(f.dstRack)) AS dstRack,
    transform(f.srcApp, names.1, names.2, hex(f.srcApp)) AS srcApp,
    transform(f.dstApp, names.1, names.2, hex(f.dstApp)) AS dstApp,
    multiIf(f.service = 0, '', bitAnd(f.service, 1099511627775) = 0, 'other', bitAnd(f.service, 4294967295) = 0, transform(toUInt16(bitAnd(bitShiftRight(f.service, 32), 255)), [1, 6, 17, 58, 132], ['icmp', 'tcp', 'udp', 'icmp6', 'sctp'], concat('proto/', toString(toUInt16(bitAnd(bitShiftRight(f.service, 32), 255))))), bitAnd(bitShiftRight(f.service, 16), 65535) = bitAnd(f.service, 65535), concat(transform(toUInt16(bitAnd(bitShiftRight(f.service, 32), 255)), [1, 6, 17, 58, 132], ['icmp', 'tcp', 'udp', 'icmp6', 'sctp'], concat('proto/', toString(toUInt16(bitAnd(bitShiftRight(f.service, 32), 255))))), '/', toString(bitAnd(bitShiftRight(f.service, 16), 65535))), concat(transform(toUInt16(bitAnd(bitShiftRight(f.service, 32), 255)), [1, 6, 17, 58, 132], ['icmp', 'tcp', 'udp', 'icmp6', 'sctp'], concat('proto/', toString(toUInt16(bitAnd(bitShiftRight(f.service, 32), 255))))), '/', toString(bitAnd(bitShiftRight(f.service, 16), 65535)), '-', toString(bitAnd(f.service, 65535)))) AS service,
    transform(f.serverSide, [0, 1, 2], ['unknown', 'src', 'dst'], toString(f.serverSide)) AS serverSide,
    transform(f.serverSideReason, [0, 1, 2, 3, 4, 5], ['none', 'listed', 'range', 'learned', 'ephemeral', 'lower-port'], toString(f.serverSideReason)) AS serverSideReason,
    transform(f.srcRule, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11], ['none', 'server-port', 'server', 'client', 'auto-vm', 'auto-endpoint', 'auto-prefix', 'external', 'ambiguous', 'multicast', 'infrastructure', 'vip'], toString(f.srcRule)) AS srcRule,
    transform(f.dstRule, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11], ['none', 'server-port', 'server', 'client', 'auto-vm', 'auto-endpoint', 'auto-prefix', 'external', 'ambiguous', 'multicast', 'infrastructure', 'vip'], toString(f.dstRule)) AS dstRule,
    transform(f.srcIdentity, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10], ['none', 'station', 'mac', 'address', 'ambiguous', 'port-mac', 'segment-mac', 'segment-address', 'vrf-address', 'vip', 'in-band'], toString(f.srcIdentity)) AS srcIdentity,
    transform(f.dstIdentity, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10], ['none', 'station', 'mac', 'address', 'ambiguous', 'port-mac', 'segment-mac', 'segment-address', 'vrf-address', 'vip', 'in-band'], toString(f.dstIdentity)) AS dstIdentity,
    transform(f.locality, [0, 1, 2, 3, 4, 5, 6], ['unknown', 'same-vswitch', 'same-host', 'same-rack', 'cross-rack', 'cross-site', 'external'], toString(f.locality)) AS locality,
    f.weight AS weight,
    transform(f.countReason, [0, 1, 2, 3, 4, 5, 6, 7, 8], ['unelected', 'elected', 'not-canonical', 'discarded', 'outer', 'forwarded', 'second-meter', 'reflected', 'reverse-exported'], toString(f.countReason)) AS countReason,
    transform(f.electionRule, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9], ['none', 'vswitch', 'relay', 'source-ingress', 'destination-egress', 'destination-switch', 'external-ingress', 'external-egress', 'transit', 'moved'], toString(f.electionRule)) AS electionRule,
    f.marks AS marks,
    f.estBytes AS estBytes,
    f.estPackets AS estPackets,
    f.varBytes AS varBytes,
    f.inventoryAsOf AS inventoryAsOf,
    f.revision AS revision,
    f.batch AS batch,
    f.storedAt AS storedAt
FROM hairpin_local.flows AS f;

CREATE DATABASE IF NOT EXISTS hairpin ON CLUSTER traffic
ENGINE = Atomic;

CREATE TABLE IF NOT EXISTS hairpin.flows ON CLUSTER traffic
(
    `receivedAt` DateTime64(3, 'UTC'),
    `flowStart` DateTime64(3, 'UTC'),
    `flowEnd` DateTime64(3, 'UTC'),
    `timeSource` UInt8,
    `exporter` IPv6,
    `observationDomain` UInt32,
    `protocol` UInt8,
    `inIf` UInt32,
    `outIf` UInt32,
    `direction` UInt8,
    `forwardingStatus` UInt8,
    `samplingRate` UInt32,
    `rateSource` UInt8,
    `bytes` UInt64,
    `packets` UInt64,
    `l2Bytes` UInt64,
    `bytesSumOfSquares` UInt64,
    `packetBytesMax` UInt32,
    `srcAddr` IPv6,
    `dstAddr` IPv6,
    `vrf` UInt32,
    `etherType` UInt16,
    `proto` UInt8,
    `srcPort` UInt16,
    `dstPort` UInt16,
    `tcpFlags` UInt8,
    `tos` UInt8,
    `srcMac` UInt64,
    `dstMac` UInt64,
    `vlan` UInt16,
    `sVlan` UInt16,
    `ecid` UInt32,
    `vni` UInt32,
    `stationId` FixedString(16),
    `biflow` UInt8,
    `srcVm` UInt64,
    `dstVm` UInt64,
    `srcHost` UInt64,
    `dstHost` UInt64,
    `srcRack` UInt64,
    `dstRack` UInt64,
    `srcApp` UInt64,
    `dstApp` UInt64,
    `service` UInt64,
    `serverSide` UInt8,
    `serverSideReason` UInt8,
    `srcRule` UInt8,
    `dstRule` UInt8,
    `srcIdentity` UInt8,
    `dstIdentity` UInt8,
    `locality` UInt8,
    `weight` Float32,
    `countReason` UInt8,
    `electionRule` UInt8,
    `marks` UInt16,
    `estBytes` UInt64,
    `estPackets` UInt64,
    `varBytes` Float64,
    `inventoryAsOf` DateTime64(3, 'UTC'),
    `revision` UInt32,
    `batch` UInt64,
    `storedAt` DateTime('UTC')
)
ENGINE = Distributed(traffic, hairpin_local, flows, 0);

CREATE TABLE IF NOT EXISTS hairpin.traffic_1m ON CLUSTER traffic
(
    `day` UInt32,
    `bucket` DateTime('UTC'),
    `srcApp` UInt64,
    `dstApp` UInt64,
    `service` UInt64,
    `serverSide` UInt8,
    `locality` UInt8,
    `bytes` UInt64,
    `packets` UInt64,
    `varBytes` Float64,
    `samples` UInt64,
    `records` UInt64
)
ENGINE = Distributed(traffic, hairpin_local, traffic_1m, 0);

CREATE TABLE IF NOT EXISTS hairpin.traffic_5m ON CLUSTER traffic
(
    `day` UInt32,
    `bucket` DateTime('UTC'),
    `srcApp` UInt64,
    `dstApp` UInt64,
    `service` UInt64,
    `serverSide` UInt8,
    `locality` UInt8,
    `bytes` UInt64,
    `packets` UInt64,
    `varBytes` Float64,
    `samples` UInt64,
    `records` UInt64
)
ENGINE = Distributed(traffic, hairpin_local, traffic_5m, 0);

CREATE TABLE IF NOT EXISTS hairpin.traffic_1h ON CLUSTER traffic
(
    `day` UInt32,
    `bucket` DateTime('UTC'),
    `srcApp` UInt64,
    `dstApp` UInt64,
    `service` UInt64,
    `serverSide` UInt8,
    `locality` UInt8,
    `bytes` UInt64,
    `packets` UInt64,
    `varBytes` Float64,
    `samples` UInt64,
    `records` UInt64
)
ENGINE = Distributed(traffic, hairpin_local, traffic_1h, 0);

CREATE TABLE IF NOT EXISTS hairpin.pairs_5m ON CLUSTER traffic
(
    `day` UInt32,
    `bucket` DateTime('UTC'),
    `srcApp` UInt64,
    `dstApp` UInt64,
    `service` UInt64,
    `serverSide` UInt8,
    `locality` UInt8,
    `srcVm` UInt64,
    `dstVm` UInt64,
    `srcHost` UInt64,
    `dstHost` UInt64,
    `srcRack` UInt64,
    `dstRack` UInt64,
    `bytes` UInt64,
    `packets` UInt64,
    `varBytes` Float64,
    `samples` UInt64,
    `records` UInt64
)
ENGINE = Distributed(traffic, hairpin_local, pairs_5m, 0);

CREATE TABLE IF NOT EXISTS hairpin.pairs_1h ON CLUSTER traffic
(
    `day` UInt32,
    `bucket` DateTime('UTC'),
    `srcApp` UInt64,
    `dstApp` UInt64,
    `service` UInt64,
    `serverSide` UInt8,
    `locality` UInt8,
    `srcVm` UInt64,
    `dstVm` UInt64,
    `srcHost` UInt64,
    `dstHost` UInt64,
    `srcRack` UInt64,
    `dstRack` UInt64,
    `bytes` UInt64,
    `packets` UInt64,
    `varBytes` Float64,
    `samples` UInt64,
    `records` UInt64
)
ENGINE = Distributed(traffic, hairpin_local, pairs_1h, 0);

CREATE TABLE IF NOT EXISTS hairpin.unelected_5m ON CLUSTER traffic
(
    `day` UInt32,
    `bucket` DateTime('UTC'),
    `srcApp` UInt64,
    `dstApp` UInt64,
    `service` UInt64,
    `serverSide` UInt8,
    `locality` UInt8,
    `srcVm` UInt64,
    `dstVm` UInt64,
    `srcHost` UInt64,
    `dstHost` UInt64,
    `srcRack` UInt64,
    `dstRack` UInt64,
    `pair` UInt64,
    `point` UInt64,
    `bytes` UInt64,
    `packets` UInt64,
    `varBytes` Float64,
    `samples` UInt64,
    `records` UInt64
)
ENGINE = Distributed(traffic, hairpin_local, unelected_5m, 0);

CREATE TABLE IF NOT EXISTS hairpin.exporters ON CLUSTER traffic
(
    `minute` DateTime64(3, 'UTC'),
    `exporter` IPv6,
    `observationDomain` UInt32,
    `protocol` UInt8,
    `lastSeen` DateTime64(3, 'UTC'),
    `datagrams` UInt64,
    `datagramBytes` UInt64,
    `records` UInt64,
    `lost` UInt64,
    `restarts` UInt64,
    `templates` UInt64,
    `unknownTemplateSets` UInt64,
    `waitingSets` UInt32,
    `lostSets` UInt64,
    `malformedSets` UInt64,
    `unknownRateRecords` UInt64,
    `rateChanges` UInt64,
    `samplingRate` UInt32,
    `storedAt` DateTime('UTC')
)
ENGINE = Distributed(traffic, hairpin_local, exporters, 0);

CREATE TABLE IF NOT EXISTS hairpin.interfaces ON CLUSTER traffic
(
    `minute` DateTime64(3, 'UTC'),
    `exporter` IPv6,
    `observationDomain` UInt32,
    `protocol` UInt8,
    `ifIndex` UInt32,
    `coveredMs` UInt32,
    `inOctets` UInt64,
    `outOctets` UInt64,
    `inPackets` UInt64,
    `outPackets` UInt64,
    `inDiscards` UInt64,
    `outDiscards` UInt64,
    `inErrors` UInt64,
    `outErrors` UInt64,
    `speedBps` UInt64,
    `storedAt` DateTime('UTC')
)
ENGINE = Distributed(traffic, hairpin_local, interfaces, 0);

CREATE TABLE IF NOT EXISTS hairpin.nodes ON CLUSTER traffic
(
    `key` UInt64,
    `class` UInt8,
    `name` String,
    `identity` String,
    `firstSeen` DateTime64(3, 'UTC')
)
ENGINE = Distributed(traffic, hairpin_local, nodes, 0);

CREATE TABLE IF NOT EXISTS hairpin.facts ON CLUSTER traffic
(
    `exporter` IPv6,
    `observationDomain` UInt32,
    `protocol` UInt8,
    `kind` LowCardinality(String),
    `ifIndex` UInt32,
    `mac` UInt64,
    `stationId` String,
    `name` String,
    `hostId` String,
    `firstSeen` DateTime64(3, 'UTC'),
    `lastSeen` DateTime64(3, 'UTC')
)
ENGINE = Distributed(traffic, hairpin_local, facts, 0);

CREATE TABLE IF NOT EXISTS hairpin.services ON CLUSTER traffic
(
    `address` IPv6,
    `vrf` UInt32,
    `proto` UInt8,
    `port` UInt16,
    `answered` UInt8,
    `day` Date,
    `firstSeen` SimpleAggregateFunction(min, DateTime64(3, 'UTC')),
    `lastSeen` SimpleAggregateFunction(max, DateTime64(3, 'UTC')),
    `storedAt` SimpleAggregateFunction(max, DateTime64(3, 'UTC'))
)
ENGINE = Distributed(traffic, hairpin_local, services, 0);

CREATE TABLE IF NOT EXISTS hairpin.documents ON CLUSTER traffic
(
    `kind` LowCardinality(String),
    `recordedAt` DateTime64(3, 'UTC'),
    `asOf` DateTime64(3, 'UTC'),
    `source` String,
    `body` String
)
ENGINE = Distributed(traffic, hairpin_local, documents, 0);

CREATE TABLE IF NOT EXISTS hairpin.heartbeats ON CLUSTER traffic
(
    `kind` LowCardinality(String),
    `source` String,
    `asOf` DateTime64(3, 'UTC'),
    `recordedAt` DateTime64(3, 'UTC')
)
ENGINE = Distributed(traffic, hairpin_local, heartbeats, 0);

CREATE TABLE IF NOT EXISTS hairpin.events ON CLUSTER traffic
(
    `kind` LowCardinality(String),
    `mac` UInt64,
    `toExporter` IPv6,
    `toIfIndex` UInt32,
    `at` DateTime64(3, 'UTC'),
    `lastSeen` SimpleAggregateFunction(max, DateTime64(3, 'UTC')),
    `detectedAt` SimpleAggregateFunction(min, DateTime64(3, 'UTC')),
    `confirmedAt` SimpleAggregateFunction(max, DateTime64(3, 'UTC')),
    `vm` SimpleAggregateFunction(max, UInt64),
    `fromHost` SimpleAggregateFunction(max, UInt64),
    `toHost` SimpleAggregateFunction(max, UInt64),
    `fromExporter` SimpleAggregateFunction(max, IPv6),
    `fromIfIndex` SimpleAggregateFunction(max, UInt32)
)
ENGINE = Distributed(traffic, hairpin_local, events, 0);

CREATE TABLE IF NOT EXISTS hairpin.passes ON CLUSTER traffic
(
    `minute` DateTime('UTC'),
    `state` LowCardinality(String),
    `at` DateTime64(3, 'UTC')
)
ENGINE = Distributed(traffic, hairpin_local, passes, 0);

CREATE TABLE IF NOT EXISTS hairpin.passers ON CLUSTER traffic
(
    `candidate` String,
    `since` DateTime64(6, 'UTC'),
    `lives` UInt8,
    `at` DateTime64(6, 'UTC')
)
ENGINE = Distributed(traffic, hairpin_local, passers, 0);

CREATE TABLE IF NOT EXISTS hairpin.reenrichments ON CLUSTER traffic
(
    `run` String,
    `day` UInt32,
    `state` LowCardinality(String),
    `revision` UInt32,
    `knowledge` String,
    `records` UInt64,
    `detail` String,
    `at` DateTime64(6, 'UTC')
)
ENGINE = Distributed(traffic, hairpin_local, reenrichments, 0);

CREATE TABLE IF NOT EXISTS hairpin.migrations ON CLUSTER traffic
(
    `id` UInt32,
    `name` String,
    `at` DateTime64(3, 'UTC')
)
ENGINE = Distributed(traffic, hairpin_local, migrations, 0);

CREATE OR REPLACE VIEW hairpin.flows_named ON CLUSTER traffic
AS WITH
    (
        SELECT (arrayPushFront(groupArray(key), toUInt64(0)), arrayPushFront(groupArray(current), ''))
        FROM
        (
            SELECT
                key,
                argMax(name, firstSeen) AS current
            FROM hairpin.nodes
            GROUP BY key
        )
    ) AS names
SELECT
    f.receivedAt AS receivedAt,
    f.flowStart AS flowStart,
    f.flowEnd AS flowEnd,
    transform(f.timeSource, [0, 1, 2, 3, 4, 5, 6], ['unknown', 'absolute', 'uptime', 'delta', 'export', 'received', 'replaced'], toString(f.timeSource)) AS timeSource,
    replaceOne(toString(f.exporter), '::ffff:', '') AS exporter,
    f.observationDomain AS observationDomain,
    transform(f.protocol, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11], ['unknown', 'netflow1', 'netflow5', 'netflow7', 'netflow8', 'netflow9', 'ipfix', 'sflow5', 'netflow6', 'sflow4', 'sflow2', 'mirror'], toString(f.protocol)) AS protocol,
    f.inIf AS inIf,
    f.outIf AS outIf,
    transform(f.direction, [0, 1, 2], ['unknown', 'ingress', 'egress'], toString(f.direction)) AS direction,
    f.forwardingStatus AS forwardingStatus,
    f.samplingRate AS samplingRate,
    transform(f.rateSource, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11], ['unknown', 'override', 'record', 'selector', 'interface', 'domain', 'header', 'sample', 'prescaled', 'template', 'pool', 'sequence'], toString(f.rateSource)) AS rateSource,
    f.bytes AS bytes,
    f.packets AS packets,
    f.l2Bytes AS l2Bytes,
    f.bytesSumOfSquares AS bytesSumOfSquares,
    f.packetBytesMax AS packetBytesMax,
    replaceOne(toString(f.srcAddr), '::ffff:', '') AS srcAddr,
    replaceOne(toString(f.dstAddr), '::ffff:', '') AS dstAddr,
    f.vrf AS vrf,
    f.etherType AS etherType,
    f.proto AS proto,
    f.srcPort AS srcPort,
    f.dstPort AS dstPort,
    f.tcpFlags AS tcpFlags,
    f.tos AS tos,
    if(f.srcMac = 0, '', MACNumToString(f.srcMac)) AS srcMac,
    if(f.dstMac = 0, '', MACNumToString(f.dstMac)) AS dstMac,
    f.vlan AS vlan,
    f.sVlan AS sVlan,
    f.ecid AS ecid,
    f.vni AS vni,
    lower(hex(f.stationId)) AS stationId,
    transform(f.biflow, [0, 1, 2], ['none', 'forward', 'reverse'], toString(f.biflow)) AS biflow,
    transform(f.srcVm, names.1, names.2, hex(f.srcVm)) AS srcVm,
    transform(f.dstVm, names.1, names.2, hex(f.dstVm)) AS dstVm,
    transform(f.srcHost, names.1, names.2, hex(f.srcHost)) AS srcHost,
    transform(f.dstHost, names.1, names.2, hex(f.dstHost)) AS dstHost,
    transform(f.srcRack, names.1, names.2, hex(f.srcRack)) AS srcRack,
    transform(f.dstRack, names.1, names.2, hex(f.dstRack)) AS dstRack,
    transform(f.srcApp, names.1, names.2, hex(f.srcApp)) AS srcApp,
    transform(f.dstApp, names.1, names.2, hex(f.dstApp)) AS dstApp,
    multiIf(f.service = 0, '', bitAnd(f.service, 1099511627775) = 0, 'other', bitAnd(f.service, 4294967295) = 0, transform(toUInt16(bitAnd(bitShiftRight(f.service, 32), 255)), [1, 6, 17, 58, 132], ['icmp', 'tcp', 'udp', 'icmp6', 'sctp'], concat('proto/', toString(toUInt16(bitAnd(bitShiftRight(f.service, 32), 255))))), bitAnd(bitShiftRight(f.service, 16), 65535) = bitAnd(f.service, 65535), concat(transform(toUInt16(bitAnd(bitShiftRight(f.service, 32), 255)), [1, 6, 17, 58, 132], ['icmp', 'tcp', 'udp', 'icmp6', 'sctp'], concat('proto/', toString(toUInt16(bitAnd(bitShiftRight(f.service, 32), 255))))), '/', toString(bitAnd(bitShiftRight(f.service, 16), 65535))), concat(transform(toUInt16(bitAnd(bitShiftRight(f.service, 32), 255)), [1, 6, 17, 58, 132], ['icmp', 'tcp', 'udp', 'icmp6', 'sctp'], concat('proto/', toString(toUInt16(bitAnd(bitShiftRight(f.service, 32), 255))))), '/', toString(bitAnd(bitShiftRight(f.service, 16), 65535)), '-', toString(bitAnd(f.service, 65535)))) AS service,
    transform(f.serverSide, [0, 1, 2], ['unknown', 'src', 'dst'], toString(f.serverSide)) AS serverSide,
    transform(f.serverSideReason, [0, 1, 2, 3, 4, 5], ['none', 'listed', 'range', 'learned', 'ephemeral', 'lower-port'], toString(f.serverSideReason)) AS serverSideReason,
    transform(f.srcRule, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11], ['none', 'server-port', 'server', 'client', 'auto-vm', 'auto-endpoint', 'auto-prefix', 'external', 'ambiguous', 'multicast', 'infrastructure', 'vip'], toString(f.srcRule)) AS srcRule,
    transform(f.dstRule, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11], ['none', 'server-port', 'server', 'client', 'auto-vm', 'auto-endpoint', 'auto-prefix', 'external', 'ambiguous', 'multicast', 'infrastructure', 'vip'], toString(f.dstRule)) AS dstRule,
    transform(f.srcIdentity, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10], ['none', 'station', 'mac', 'address', 'ambiguous', 'port-mac', 'segment-mac', 'segment-address', 'vrf-address', 'vip', 'in-band'], toString(f.srcIdentity)) AS srcIdentity,
    transform(f.dstIdentity, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10], ['none', 'station', 'mac', 'address', 'ambiguous', 'port-mac', 'segment-mac', 'segment-address', 'vrf-address', 'vip', 'in-band'], toString(f.dstIdentity)) AS dstIdentity,
    transform(f.locality, [0, 1, 2, 3, 4, 5, 6], ['unknown', 'same-vswitch', 'same-host', 'same-rack', 'cross-rack', 'cross-site', 'external'], toString(f.locality)) AS locality,
    f.weight AS weight,
    transform(f.countReason, [0, 1, 2, 3, 4, 5, 6, 7, 8], ['unelected', 'elected', 'not-canonical', 'discarded', 'outer', 'forwarded', 'second-meter', 'reflected', 'reverse-exported'], toString(f.countReason)) AS countReason,
    transform(f.electionRule, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9], ['none', 'vswitch', 'relay', 'source-ingress', 'destination-egress', 'destination-switch', 'external-ingress', 'external-egress', 'transit', 'moved'], toString(f.electionRule)) AS electionRule,
    f.marks AS marks,
    f.estBytes AS estBytes,
    f.estPackets AS estPackets,
    f.varBytes AS varBytes,
    f.inventoryAsOf AS inventoryAsOf,
    f.revision AS revision,
    f.batch AS batch,
    f.storedAt AS storedAt
FROM hairpin.flows AS f;

SYSTEM SYNC REPLICA flows LIGHTWEIGHT;
