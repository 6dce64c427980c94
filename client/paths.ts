// Made by `npm run client` from the OpenAPI document bb5accb840be11f0175b20a4ff2743bbd533d936c1db403fad6303dabaeb1fd7.

export interface paths {
    "/api/v1/matrix": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Who sent how much to whom */
        get: {
            parameters: {
                query?: {
                    /** @description start: RFC 3339, `now`, `now-15m` (s m h d w), or a day (`2026-01-31`: its midnight in the zone of the calendar) */
                    from?: string;
                    /** @description end, excluded */
                    to?: string;
                    /**
                     * @description the hours of the window that count: weekdays (mo-fr), hours (08:00-18:00), an IANA time zone (Europe/Berlin) and days left out (not 2026-12-25,2026-12-26), separated by blanks, each at most once. Days are those of the zone, 23 or 25 hours long where its clocks change; hours over midnight (22-06) belong to the day they began on
                     * @example mo-fr 08:00-18:00 Europe/Berlin not 2026-12-25..2026-12-26
                     */
                    calendar?: string;
                    /** @description rows and columns: one of app, rack, host, vm, mac, port, addr, interface, tier, segment, portgroup, vswitch, site, addr/24 or addr/24/48 (lengths of IPv4 and IPv6) */
                    by?: string;
                    /** @description what rows are by, in place of by: one of app, rack, host, vm, mac, port, addr, interface, tier, segment, portgroup, vswitch, site, exporter, observationDomain, protocol, inIf, outIf, direction, srcAddr, dstAddr, vrf, etherType, proto, srcPort, dstPort, tos, srcMac, dstMac, vlan, sVlan, ecid, vni, srcVm, dstVm, srcHost, dstHost, srcRack, dstRack, srcApp, dstApp, service, serverSide, locality, countReason, electionRule, srcSite, dstSite, srcVswitch, dstVswitch, srcPortGroup, dstPortGroup, srcSegment, dstSegment, srcTier, dstTier, inInterface, outInterface, addr/24 or addr/24/48 (lengths of IPv4 and IPv6) */
                    rows?: string;
                    /** @description what columns are by, in the same way */
                    columns?: string;
                    /** @description p50Bps, p95Bps and p99Bps are the nearest rank of five-minute buckets; rates are over the observed part of the window */
                    metric?: "bytes" | "packets" | "avgBps" | "p50Bps" | "p95Bps" | "p99Bps" | "maxBps";
                    /**
                     * @description in place of metric: this percentile of the rates of five-minute buckets, nearest rank; 100 is the maximum
                     * @example 97.5
                     */
                    percentile?: number;
                    /** @description l3: IP bytes. l2: bytes of frames, read from the records; refused, with the share, where an exporter behind the answer does not report the length of frames */
                    layer?: "l3" | "l2";
                    /** @description sender: cell (A,B) is what A sent to B; client: rows are clients, columns servers */
                    orientation?: "sender" | "client";
                    /** @description all: pairs of the listed nodes of which nothing was seen are cells too, with what may have been missed; null where nothing covers them */
                    cells?: "seen" | "all";
                    /** @description `src.app in (web, api) and not dst.app = db or service = https`: terms joined by and (`,`), or (`;`) and not, groups in parentheses. = != in, not in and, for numbers, < <= > >= and ranges (`dst.port in 8000-8100`). `app=web` is either end, also `either.app`; `srcApp` is `src.app`. Nodes by name or glob (`web-*`), in any case, or by key; addresses by prefix (`addr in 10.0.0.0/8`); values with `,;|` or parentheses in double quotes. In short `srcApp=web|api,dstApp!=db;service=tcp/443`. docs/FILTERS.md has the whole language */
                    filter?: string;
                    /** @description nodes listed each way, the first in order; everything else is the rest */
                    limit?: number;
                    /** @description volume: the largest first; name: by name, so that pages of a fixed window do not depend on late records; change: what changed most since the compared window first, of a matrix the nodes of the cells that did (without `compare`: since the window before); cluster: the nodes that volume lists, arranged so that blocks that talk to each other stand together */
                    order?: "volume" | "name" | "change" | "cluster";
                    /** @description adds the same of another window: previous, 1d, 1w, 1mo, or a window of its own as FROM/TO. previous: the window of the same length before; 1d, 1w, 1mo: the same time of another day, week or month, by the clocks and the calendar of the zone of `calendar`; a month that has no such day ends before it */
                    compare?: string;
                    /** @description rows left out before the first one listed */
                    offset?: number;
                    /** @description columns left out, in the same way: all pages of both are all cells */
                    columnOffset?: number;
                    /** @description json: everything; the others have the table alone: jsonl (an object a line), csv (RFC 4180), arrow (an Arrow IPC stream), parquet. Unit, window and quality of a table are in the header `hairpin-about`, and in the metadata of arrow and parquet */
                    format?: "json" | "jsonl" | "csv" | "arrow" | "parquet";
                    /** @description csv: lines `# NAME: VALUE` with unit, window and quality before the names of the columns */
                    preamble?: boolean;
                    /** @description adds the statements behind the answer and what each has read; needs the role admin, and format=json */
                    explain?: boolean;
                };
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                /** @description Default Response */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": {
                            /** Format: date-time */
                            from: string;
                            /** Format: date-time */
                            to: string;
                            resolutionSec: number;
                            coveredFrom: string | null;
                            coveredTo: string | null;
                            coveredSeconds: number;
                            coveredShare: number | null;
                            storedUntil: string | null;
                            settledUntil: string | null;
                            waiting: number | null;
                            recordsSince: string | null;
                            metric: string;
                            /** @enum {unknown} */
                            layer: "l3" | "l2";
                            unit: string;
                            table: string;
                            provisional: {
                                /** Format: date-time */
                                from: string;
                                /** Format: date-time */
                                to: string;
                                refused: boolean;
                            }[];
                            steady: boolean;
                            elapsedMs: number;
                            by: string;
                            /** @enum {unknown} */
                            order: "volume" | "name" | "change" | "cluster";
                            offset: number;
                            columnOffset: number;
                            /** @enum {unknown} */
                            orientation: "sender" | "client";
                            cells: {
                                src: {
                                    key: string;
                                    name: string;
                                };
                                dst: {
                                    key: string;
                                    name: string;
                                };
                                value: number | null;
                                ciLow: number | null;
                                ciHigh: number | null;
                                samples: number;
                                /** @enum {unknown} */
                                method: "exact" | "poisson" | "normal" | "approximate" | "none" | "unknown" | "order" | "noisy" | "largest-point" | "partly-covered";
                                lossAdjusted: number | null;
                                coverage: number | null;
                                toServer: number | null;
                                toClient: number | null;
                                compared?: {
                                    value: number | null;
                                    ciLow: number | null;
                                    ciHigh: number | null;
                                    samples: number;
                                    /** @enum {unknown} */
                                    method: "exact" | "poisson" | "normal" | "approximate" | "none" | "unknown" | "order" | "noisy" | "largest-point" | "partly-covered";
                                    change: number | null;
                                    changeLow: number | null;
                                    changeHigh: number | null;
                                    changeShare: number | null;
                                    differs: boolean | null;
                                };
                            }[];
                            rows: {
                                key: string;
                                name: string;
                                value: number | null;
                                ciLow: number | null;
                                ciHigh: number | null;
                                samples: number;
                                /** @enum {unknown} */
                                method: "exact" | "poisson" | "normal" | "approximate" | "none" | "unknown" | "order" | "noisy" | "largest-point" | "partly-covered";
                                compared?: {
                                    value: number | null;
                                    ciLow: number | null;
                                    ciHigh: number | null;
                                    samples: number;
                                    /** @enum {unknown} */
                                    method: "exact" | "poisson" | "normal" | "approximate" | "none" | "unknown" | "order" | "noisy" | "largest-point" | "partly-covered";
                                    change: number | null;
                                    changeLow: number | null;
                                    changeHigh: number | null;
                                    changeShare: number | null;
                                    differs: boolean | null;
                                };
                            }[];
                            columns: {
                                key: string;
                                name: string;
                                value: number | null;
                                ciLow: number | null;
                                ciHigh: number | null;
                                samples: number;
                                /** @enum {unknown} */
                                method: "exact" | "poisson" | "normal" | "approximate" | "none" | "unknown" | "order" | "noisy" | "largest-point" | "partly-covered";
                                compared?: {
                                    value: number | null;
                                    ciLow: number | null;
                                    ciHigh: number | null;
                                    samples: number;
                                    /** @enum {unknown} */
                                    method: "exact" | "poisson" | "normal" | "approximate" | "none" | "unknown" | "order" | "noisy" | "largest-point" | "partly-covered";
                                    change: number | null;
                                    changeLow: number | null;
                                    changeHigh: number | null;
                                    changeShare: number | null;
                                    differs: boolean | null;
                                };
                            }[];
                            nodes: number;
                            total: {
                                value: number | null;
                                ciLow: number | null;
                                ciHigh: number | null;
                                samples: number;
                                /** @enum {unknown} */
                                method: "exact" | "poisson" | "normal" | "approximate" | "none" | "unknown" | "order" | "noisy" | "largest-point" | "partly-covered";
                                compared?: {
                                    value: number | null;
                                    ciLow: number | null;
                                    ciHigh: number | null;
                                    samples: number;
                                    /** @enum {unknown} */
                                    method: "exact" | "poisson" | "normal" | "approximate" | "none" | "unknown" | "order" | "noisy" | "largest-point" | "partly-covered";
                                    change: number | null;
                                    changeLow: number | null;
                                    changeHigh: number | null;
                                    changeShare: number | null;
                                    differs: boolean | null;
                                };
                            };
                            lossAdjusted: {
                                value: number | null;
                                ciLow: number | null;
                                ciHigh: number | null;
                                /** @enum {unknown} */
                                method: "records" | "share";
                            } | null;
                            interTotal: {
                                value: number | null;
                                ciLow: number | null;
                                ciHigh: number | null;
                                samples: number;
                                /** @enum {unknown} */
                                method: "exact" | "poisson" | "normal" | "approximate" | "none" | "unknown" | "order" | "noisy" | "largest-point" | "partly-covered";
                                compared?: {
                                    value: number | null;
                                    ciLow: number | null;
                                    ciHigh: number | null;
                                    samples: number;
                                    /** @enum {unknown} */
                                    method: "exact" | "poisson" | "normal" | "approximate" | "none" | "unknown" | "order" | "noisy" | "largest-point" | "partly-covered";
                                    change: number | null;
                                    changeLow: number | null;
                                    changeHigh: number | null;
                                    changeShare: number | null;
                                    differs: boolean | null;
                                };
                            };
                            rest: number | null;
                            ranking: {
                                bucketSec: number;
                                buckets: number;
                                tooFewBuckets: boolean;
                                longestRecordSec: number | null;
                                invalid: boolean | null;
                                noisy: boolean;
                                warnings: string[];
                            } | null;
                            quality: {
                                unclassifiedShare: number | null;
                                unelectedShare: number | null;
                                largestPointShare: number | null;
                                lossRatio: number | null;
                                unknownRateShare: number | null;
                                unknownErrorShare: number | null;
                                sharedShare: number | null;
                                unclassifiedByReason: {
                                    [key: string]: number;
                                } | null;
                                coverage: number | null;
                                inventoryAsOf: string | null;
                                settledUntil: string | null;
                                provisional: {
                                    /** Format: date-time */
                                    from: string;
                                    /** Format: date-time */
                                    to: string;
                                    refused: boolean;
                                }[];
                                accounting: {
                                    accepted: number;
                                    counted: number;
                                    byReason: {
                                        [key: string]: number;
                                    };
                                } | null;
                            };
                            compared?: {
                                /** Format: date-time */
                                from: string;
                                /** Format: date-time */
                                to: string;
                                resolutionSec: number;
                                coveredFrom: string | null;
                                coveredTo: string | null;
                                coveredSeconds: number;
                                coveredShare: number | null;
                                settledUntil: string | null;
                                table: string;
                                provisional: {
                                    /** Format: date-time */
                                    from: string;
                                    /** Format: date-time */
                                    to: string;
                                    refused: boolean;
                                }[];
                                steady: boolean;
                                ranking: {
                                    bucketSec: number;
                                    buckets: number;
                                    tooFewBuckets: boolean;
                                    longestRecordSec: number | null;
                                    invalid: boolean | null;
                                    noisy: boolean;
                                    warnings: string[];
                                } | null;
                                comparable: boolean;
                                warnings: string[];
                            };
                            explain?: {
                                sql: string;
                                parameters: {
                                    [key: string]: string;
                                };
                                tables: string[];
                                rowsRead: number;
                                bytesRead: number;
                                elapsedMs: number;
                            }[];
                        };
                    };
                };
                /** @description the client has this answer: if-none-match names its etag */
                304: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content?: never;
                };
                /** @description problem document */
                default: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/problem+json": components["schemas"]["Problem"];
                    };
                };
            };
        };
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/series": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Traffic over time */
        get: {
            parameters: {
                query?: {
                    /** @description start: RFC 3339, `now`, `now-15m` (s m h d w), or a day (`2026-01-31`: its midnight in the zone of the calendar) */
                    from?: string;
                    /** @description end, excluded */
                    to?: string;
                    /**
                     * @description the hours of the window that count: weekdays (mo-fr), hours (08:00-18:00), an IANA time zone (Europe/Berlin) and days left out (not 2026-12-25,2026-12-26), separated by blanks, each at most once. Days are those of the zone, 23 or 25 hours long where its clocks change; hours over midnight (22-06) belong to the day they began on
                     * @example mo-fr 08:00-18:00 Europe/Berlin not 2026-12-25..2026-12-26
                     */
                    calendar?: string;
                    /** @description adds the same of another window: previous, 1d, 1w, 1mo, or a window of its own as FROM/TO. previous: the window of the same length before; 1d, 1w, 1mo: the same time of another day, week or month, by the clocks and the calendar of the zone of `calendar`; a month that has no such day ends before it */
                    compare?: string;
                    /** @description what src and dst name: one of app, rack, host, vm, mac, port, addr, interface, tier, segment, portgroup, vswitch, site, addr/24 or addr/24/48 (lengths of IPv4 and IPv6) */
                    by?: string;
                    /** @description senders, by name or glob, in any case, or by key, joined by | */
                    src?: string;
                    /** @description receivers */
                    dst?: string;
                    /** @description one series per value of up to four of app, rack, host, vm, mac, port, addr, interface, tier, segment, portgroup, vswitch, site, exporter, observationDomain, protocol, inIf, outIf, direction, srcAddr, dstAddr, vrf, etherType, proto, srcPort, dstPort, tos, srcMac, dstMac, vlan, sVlan, ecid, vni, srcVm, dstVm, srcHost, dstHost, srcRack, dstRack, srcApp, dstApp, service, serverSide, locality, countReason, electionRule, srcSite, dstSite, srcVswitch, dstVswitch, srcPortGroup, dstPortGroup, srcSegment, dstSegment, srcTier, dstTier, inInterface, outInterface, addr/24 or addr/24/48 (lengths of IPv4 and IPv6), joined by commas; left out: one series of all */
                    split?: string;
                    /** @description per bucket */
                    metric?: "bytes" | "packets" | "avgBps";
                    /** @description l3: IP bytes. l2: bytes of frames, read from the records; refused, with the share, where an exporter behind the answer does not report the length of frames */
                    layer?: "l3" | "l2";
                    /** @description seconds per bucket; raised to the resolution and to at most 2000 buckets */
                    step?: number;
                    /** @description `src.app in (web, api) and not dst.app = db or service = https`: terms joined by and (`,`), or (`;`) and not, groups in parentheses. = != in, not in and, for numbers, < <= > >= and ranges (`dst.port in 8000-8100`). `app=web` is either end, also `either.app`; `srcApp` is `src.app`. Nodes by name or glob (`web-*`), in any case, or by key; addresses by prefix (`addr in 10.0.0.0/8`); values with `,;|` or parentheses in double quotes. In short `srcApp=web|api,dstApp!=db;service=tcp/443`. docs/FILTERS.md has the whole language */
                    filter?: string;
                    /** @description series listed when split; the others are one series, the rest */
                    limit?: number;
                    /** @description json: everything; the others have the table alone: jsonl (an object a line), csv (RFC 4180), arrow (an Arrow IPC stream), parquet. Unit, window and quality of a table are in the header `hairpin-about`, and in the metadata of arrow and parquet */
                    format?: "json" | "jsonl" | "csv" | "arrow" | "parquet";
                    /** @description csv: lines `# NAME: VALUE` with unit, window and quality before the names of the columns */
                    preamble?: boolean;
                    /** @description adds the statements behind the answer and what each has read; needs the role admin, and format=json */
                    explain?: boolean;
                };
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                /** @description Default Response */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": {
                            /** Format: date-time */
                            from: string;
                            /** Format: date-time */
                            to: string;
                            resolutionSec: number;
                            coveredFrom: string | null;
                            coveredTo: string | null;
                            coveredSeconds: number;
                            coveredShare: number | null;
                            storedUntil: string | null;
                            settledUntil: string | null;
                            waiting: number | null;
                            recordsSince: string | null;
                            metric: string;
                            /** @enum {unknown} */
                            layer: "l3" | "l2";
                            unit: string;
                            table: string;
                            provisional: {
                                /** Format: date-time */
                                from: string;
                                /** Format: date-time */
                                to: string;
                                refused: boolean;
                            }[];
                            steady: boolean;
                            elapsedMs: number;
                            stepSec: number;
                            split: string[];
                            times: number[];
                            series: {
                                keys: {
                                    key: string;
                                    name: string;
                                }[];
                                rest: boolean;
                                values: (number | null)[];
                                ciLow: (number | null)[];
                                ciHigh: (number | null)[];
                                total: number;
                                compared?: {
                                    values: (number | null)[];
                                    ciLow: (number | null)[];
                                    ciHigh: (number | null)[];
                                    total: number;
                                    change: (number | null)[];
                                    changeLow: (number | null)[];
                                    changeHigh: (number | null)[];
                                    changeShare: (number | null)[];
                                    differs: (boolean | null)[];
                                };
                            }[];
                            compared?: {
                                /** Format: date-time */
                                from: string;
                                /** Format: date-time */
                                to: string;
                                resolutionSec: number;
                                coveredFrom: string | null;
                                coveredTo: string | null;
                                coveredSeconds: number;
                                coveredShare: number | null;
                                settledUntil: string | null;
                                table: string;
                                provisional: {
                                    /** Format: date-time */
                                    from: string;
                                    /** Format: date-time */
                                    to: string;
                                    refused: boolean;
                                }[];
                                steady: boolean;
                                ranking: {
                                    bucketSec: number;
                                    buckets: number;
                                    tooFewBuckets: boolean;
                                    longestRecordSec: number | null;
                                    invalid: boolean | null;
                                    noisy: boolean;
                                    warnings: string[];
                                } | null;
                                comparable: boolean;
                                warnings: string[];
                            };
                            explain?: {
                                sql: string;
                                parameters: {
                                    [key: string]: string;
                                };
                                tables: string[];
                                rowsRead: number;
                                bytesRead: number;
                                elapsedMs: number;
                            }[];
                        };
                    };
                };
                /** @description the client has this answer: if-none-match names its etag */
                304: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content?: never;
                };
                /** @description problem document */
                default: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/problem+json": components["schemas"]["Problem"];
                    };
                };
            };
        };
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/top": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** The largest groups of a dimension */
        get: {
            parameters: {
                query?: {
                    /** @description start: RFC 3339, `now`, `now-15m` (s m h d w), or a day (`2026-01-31`: its midnight in the zone of the calendar) */
                    from?: string;
                    /** @description end, excluded */
                    to?: string;
                    /**
                     * @description the hours of the window that count: weekdays (mo-fr), hours (08:00-18:00), an IANA time zone (Europe/Berlin) and days left out (not 2026-12-25,2026-12-26), separated by blanks, each at most once. Days are those of the zone, 23 or 25 hours long where its clocks change; hours over midnight (22-06) belong to the day they began on
                     * @example mo-fr 08:00-18:00 Europe/Berlin not 2026-12-25..2026-12-26
                     */
                    calendar?: string;
                    /** @description up to four of app, rack, host, vm, mac, port, addr, interface, tier, segment, portgroup, vswitch, site, exporter, observationDomain, protocol, inIf, outIf, direction, srcAddr, dstAddr, vrf, etherType, proto, srcPort, dstPort, tos, srcMac, dstMac, vlan, sVlan, ecid, vni, srcVm, dstVm, srcHost, dstHost, srcRack, dstRack, srcApp, dstApp, service, serverSide, locality, countReason, electionRule, srcSite, dstSite, srcVswitch, dstVswitch, srcPortGroup, dstPortGroup, srcSegment, dstSegment, srcTier, dstTier, inInterface, outInterface, addr/24 or addr/24/48 (lengths of IPv4 and IPv6), joined by commas */
                    by?: string;
                    /** @description p50Bps, p95Bps and p99Bps are the nearest rank of five-minute buckets; rates are over the observed part of the window */
                    metric?: "bytes" | "packets" | "avgBps" | "p50Bps" | "p95Bps" | "p99Bps" | "maxBps";
                    /**
                     * @description in place of metric: this percentile of the rates of five-minute buckets, nearest rank; 100 is the maximum
                     * @example 97.5
                     */
                    percentile?: number;
                    /** @description l3: IP bytes. l2: bytes of frames, read from the records; refused, with the share, where an exporter behind the answer does not report the length of frames */
                    layer?: "l3" | "l2";
                    /** @description `src.app in (web, api) and not dst.app = db or service = https`: terms joined by and (`,`), or (`;`) and not, groups in parentheses. = != in, not in and, for numbers, < <= > >= and ranges (`dst.port in 8000-8100`). `app=web` is either end, also `either.app`; `srcApp` is `src.app`. Nodes by name or glob (`web-*`), in any case, or by key; addresses by prefix (`addr in 10.0.0.0/8`); values with `,;|` or parentheses in double quotes. In short `srcApp=web|api,dstApp!=db;service=tcp/443`. docs/FILTERS.md has the whole language */
                    filter?: string;
                    /** @description groups listed */
                    limit?: number;
                    /** @description volume: the largest first; name: by name, so that pages of a fixed window do not depend on late records; change: what changed most since the compared window first, of a matrix the nodes of the cells that did (without `compare`: since the window before) */
                    order?: "volume" | "name" | "change";
                    /** @description adds the same of another window: previous, 1d, 1w, 1mo, or a window of its own as FROM/TO. previous: the window of the same length before; 1d, 1w, 1mo: the same time of another day, week or month, by the clocks and the calendar of the zone of `calendar`; a month that has no such day ends before it */
                    compare?: string;
                    /** @description groups left out before the first one listed: all pages are all groups */
                    offset?: number;
                    /** @description json: everything; the others have the table alone: jsonl (an object a line), csv (RFC 4180), arrow (an Arrow IPC stream), parquet. Unit, window and quality of a table are in the header `hairpin-about`, and in the metadata of arrow and parquet */
                    format?: "json" | "jsonl" | "csv" | "arrow" | "parquet";
                    /** @description csv: lines `# NAME: VALUE` with unit, window and quality before the names of the columns */
                    preamble?: boolean;
                    /** @description adds the statements behind the answer and what each has read; needs the role admin, and format=json */
                    explain?: boolean;
                };
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                /** @description Default Response */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": {
                            /** Format: date-time */
                            from: string;
                            /** Format: date-time */
                            to: string;
                            resolutionSec: number;
                            coveredFrom: string | null;
                            coveredTo: string | null;
                            coveredSeconds: number;
                            coveredShare: number | null;
                            storedUntil: string | null;
                            settledUntil: string | null;
                            waiting: number | null;
                            recordsSince: string | null;
                            metric: string;
                            /** @enum {unknown} */
                            layer: "l3" | "l2";
                            unit: string;
                            table: string;
                            provisional: {
                                /** Format: date-time */
                                from: string;
                                /** Format: date-time */
                                to: string;
                                refused: boolean;
                            }[];
                            steady: boolean;
                            elapsedMs: number;
                            by: string[];
                            rows: {
                                keys: {
                                    key: string;
                                    name: string;
                                }[];
                                value: number | null;
                                ciLow: number | null;
                                ciHigh: number | null;
                                samples: number;
                                /** @enum {unknown} */
                                method: "exact" | "poisson" | "normal" | "approximate" | "none" | "unknown" | "order" | "noisy" | "largest-point" | "partly-covered";
                                share: number | null;
                                compared?: {
                                    value: number | null;
                                    ciLow: number | null;
                                    ciHigh: number | null;
                                    samples: number;
                                    /** @enum {unknown} */
                                    method: "exact" | "poisson" | "normal" | "approximate" | "none" | "unknown" | "order" | "noisy" | "largest-point" | "partly-covered";
                                    change: number | null;
                                    changeLow: number | null;
                                    changeHigh: number | null;
                                    changeShare: number | null;
                                    differs: boolean | null;
                                };
                            }[];
                            groups: number;
                            rest: number | null;
                            total: {
                                value: number | null;
                                ciLow: number | null;
                                ciHigh: number | null;
                                samples: number;
                                /** @enum {unknown} */
                                method: "exact" | "poisson" | "normal" | "approximate" | "none" | "unknown" | "order" | "noisy" | "largest-point" | "partly-covered";
                                compared?: {
                                    value: number | null;
                                    ciLow: number | null;
                                    ciHigh: number | null;
                                    samples: number;
                                    /** @enum {unknown} */
                                    method: "exact" | "poisson" | "normal" | "approximate" | "none" | "unknown" | "order" | "noisy" | "largest-point" | "partly-covered";
                                    change: number | null;
                                    changeLow: number | null;
                                    changeHigh: number | null;
                                    changeShare: number | null;
                                    differs: boolean | null;
                                };
                            };
                            ranking: {
                                bucketSec: number;
                                buckets: number;
                                tooFewBuckets: boolean;
                                longestRecordSec: number | null;
                                invalid: boolean | null;
                                noisy: boolean;
                                warnings: string[];
                            } | null;
                            compared?: {
                                /** Format: date-time */
                                from: string;
                                /** Format: date-time */
                                to: string;
                                resolutionSec: number;
                                coveredFrom: string | null;
                                coveredTo: string | null;
                                coveredSeconds: number;
                                coveredShare: number | null;
                                settledUntil: string | null;
                                table: string;
                                provisional: {
                                    /** Format: date-time */
                                    from: string;
                                    /** Format: date-time */
                                    to: string;
                                    refused: boolean;
                                }[];
                                steady: boolean;
                                ranking: {
                                    bucketSec: number;
                                    buckets: number;
                                    tooFewBuckets: boolean;
                                    longestRecordSec: number | null;
                                    invalid: boolean | null;
                                    noisy: boolean;
                                    warnings: string[];
                                } | null;
                                comparable: boolean;
                                warnings: string[];
                            };
                            explain?: {
                                sql: string;
                                parameters: {
                                    [key: string]: string;
                                };
                                tables: string[];
                                rowsRead: number;
                                bytesRead: number;
                                elapsedMs: number;
                            }[];
                        };
                    };
                };
                /** @description the client has this answer: if-none-match names its etag */
                304: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content?: never;
                };
                /** @description problem document */
                default: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/problem+json": components["schemas"]["Problem"];
                    };
                };
            };
        };
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/locality": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** How far traffic goes: same vSwitch, host, rack, across racks and sites, external */
        get: {
            parameters: {
                query?: {
                    /** @description start: RFC 3339, `now`, `now-15m` (s m h d w), or a day (`2026-01-31`: its midnight in the zone of the calendar) */
                    from?: string;
                    /** @description end, excluded */
                    to?: string;
                    /** @description whose traffic is listed: one of app, rack, host, vm, mac, port, addr, interface, tier, segment, portgroup, vswitch, site */
                    by?: string;
                    /** @description avgBps: over the observed time */
                    metric?: "bytes" | "packets" | "avgBps";
                    /** @description l3: IP bytes. l2: bytes of frames, read from the records; refused, with the share, where an exporter behind the answer does not report the length of frames */
                    layer?: "l3" | "l2";
                    /** @description `src.app in (web, api) and not dst.app = db or service = https`: terms joined by and (`,`), or (`;`) and not, groups in parentheses. = != in, not in and, for numbers, < <= > >= and ranges (`dst.port in 8000-8100`). `app=web` is either end, also `either.app`; `srcApp` is `src.app`. Nodes by name or glob (`web-*`), in any case, or by key; addresses by prefix (`addr in 10.0.0.0/8`); values with `,;|` or parentheses in double quotes. In short `srcApp=web|api,dstApp!=db;service=tcp/443`. docs/FILTERS.md has the whole language */
                    filter?: string;
                    /** @description nodes listed, the largest first */
                    limit?: number;
                    /** @description json: everything; the others have the table alone: jsonl (an object a line), csv (RFC 4180), arrow (an Arrow IPC stream), parquet. Unit, window and quality of a table are in the header `hairpin-about`, and in the metadata of arrow and parquet */
                    format?: "json" | "jsonl" | "csv" | "arrow" | "parquet";
                    /** @description csv: lines `# NAME: VALUE` with unit, window and quality before the names of the columns */
                    preamble?: boolean;
                    /** @description adds the statements behind the answer and what each has read; needs the role admin, and format=json */
                    explain?: boolean;
                };
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                /** @description Default Response */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": {
                            /** Format: date-time */
                            from: string;
                            /** Format: date-time */
                            to: string;
                            resolutionSec: number;
                            coveredFrom: string | null;
                            coveredTo: string | null;
                            coveredSeconds: number;
                            coveredShare: number | null;
                            storedUntil: string | null;
                            settledUntil: string | null;
                            waiting: number | null;
                            recordsSince: string | null;
                            metric: string;
                            /** @enum {unknown} */
                            layer: "l3" | "l2";
                            unit: string;
                            table: string;
                            provisional: {
                                /** Format: date-time */
                                from: string;
                                /** Format: date-time */
                                to: string;
                                refused: boolean;
                            }[];
                            steady: boolean;
                            elapsedMs: number;
                            by: string;
                            parts: {
                                /** @enum {unknown} */
                                locality: "unknown" | "same-vswitch" | "same-host" | "same-rack" | "cross-rack" | "cross-site" | "external";
                                value: number | null;
                                ciLow: number | null;
                                ciHigh: number | null;
                                samples: number;
                                /** @enum {unknown} */
                                method: "exact" | "poisson" | "normal" | "approximate" | "none" | "unknown" | "order" | "noisy" | "largest-point" | "partly-covered";
                                share: number | null;
                            }[];
                            total: {
                                value: number | null;
                                ciLow: number | null;
                                ciHigh: number | null;
                                samples: number;
                                /** @enum {unknown} */
                                method: "exact" | "poisson" | "normal" | "approximate" | "none" | "unknown" | "order" | "noisy" | "largest-point" | "partly-covered";
                            };
                            nodes: {
                                node: {
                                    key: string;
                                    name: string;
                                };
                                total: {
                                    value: number | null;
                                    ciLow: number | null;
                                    ciHigh: number | null;
                                    samples: number;
                                    /** @enum {unknown} */
                                    method: "exact" | "poisson" | "normal" | "approximate" | "none" | "unknown" | "order" | "noisy" | "largest-point" | "partly-covered";
                                };
                                parts: {
                                    /** @enum {unknown} */
                                    locality: "unknown" | "same-vswitch" | "same-host" | "same-rack" | "cross-rack" | "cross-site" | "external";
                                    value: number | null;
                                    ciLow: number | null;
                                    ciHigh: number | null;
                                    samples: number;
                                    /** @enum {unknown} */
                                    method: "exact" | "poisson" | "normal" | "approximate" | "none" | "unknown" | "order" | "noisy" | "largest-point" | "partly-covered";
                                    share: number | null;
                                }[];
                            }[];
                            nodeCount: number;
                            coverage: number | null;
                            explain?: {
                                sql: string;
                                parameters: {
                                    [key: string]: string;
                                };
                                tables: string[];
                                rowsRead: number;
                                bytesRead: number;
                                elapsedMs: number;
                            }[];
                        };
                    };
                };
                /** @description problem document */
                default: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/problem+json": components["schemas"]["Problem"];
                    };
                };
            };
        };
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/links": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Load of links: host NICs, access ports, LAGs, switch to switch, external ports */
        get: {
            parameters: {
                query?: {
                    /** @description start: RFC 3339, `now`, `now-15m` (s m h d w), or a day (`2026-01-31`: its midnight in the zone of the calendar) */
                    from?: string;
                    /** @description end, excluded */
                    to?: string;
                    /** @description utilisation: the share of its speed, links of unknown speed last; load: bytes */
                    sort?: "utilisation" | "load";
                    /**
                     * @description only links of this host, by id or name
                     * @example host-001
                     */
                    host?: string;
                    /**
                     * @description only links of this switch, by id or name
                     * @example leaf-01
                     */
                    switch?: string;
                    /** @description links listed, each direction of its own */
                    limit?: number;
                    /** @description pairs of applications listed of each link, the largest first */
                    cells?: number;
                    /** @description json: everything; the others have the table alone: jsonl (an object a line), csv (RFC 4180), arrow (an Arrow IPC stream), parquet. Unit, window and quality of a table are in the header `hairpin-about`, and in the metadata of arrow and parquet */
                    format?: "json" | "jsonl" | "csv" | "arrow" | "parquet";
                    /** @description csv: lines `# NAME: VALUE` with unit, window and quality before the names of the columns */
                    preamble?: boolean;
                    /** @description adds the statements behind the answer and what each has read; needs the role admin, and format=json */
                    explain?: boolean;
                };
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                /** @description Default Response */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": {
                            /** Format: date-time */
                            from: string;
                            /** Format: date-time */
                            to: string;
                            resolutionSec: number;
                            coveredFrom: string | null;
                            coveredTo: string | null;
                            coveredSeconds: number;
                            coveredShare: number | null;
                            storedUntil: string | null;
                            settledUntil: string | null;
                            waiting: number | null;
                            recordsSince: string | null;
                            metric: string;
                            /** @enum {unknown} */
                            layer: "l3" | "l2";
                            unit: string;
                            table: string;
                            provisional: {
                                /** Format: date-time */
                                from: string;
                                /** Format: date-time */
                                to: string;
                                refused: boolean;
                            }[];
                            steady: boolean;
                            elapsedMs: number;
                            /** @enum {unknown} */
                            sort: "utilisation" | "load";
                            links: {
                                /** @enum {unknown} */
                                kind: "access" | "endpoint" | "switch" | "other" | "external";
                                from: {
                                    /** @enum {unknown} */
                                    kind: "host" | "switch" | "endpoint" | "other" | "outside";
                                    id: string;
                                    ports: {
                                        ifIndex?: number;
                                        name?: string;
                                        lag?: number;
                                    }[];
                                };
                                to: {
                                    /** @enum {unknown} */
                                    kind: "host" | "switch" | "endpoint" | "other" | "outside";
                                    id: string;
                                    ports: {
                                        ifIndex?: number;
                                        name?: string;
                                        lag?: number;
                                    }[];
                                };
                                speedBps: number | null;
                                load: {
                                    value: number | null;
                                    ciLow: number | null;
                                    ciHigh: number | null;
                                    samples: number;
                                    /** @enum {unknown} */
                                    method: "exact" | "poisson" | "normal" | "approximate" | "none" | "unknown" | "order" | "noisy" | "largest-point" | "partly-covered";
                                };
                                p95: {
                                    value: number | null;
                                    ciLow: number | null;
                                    ciHigh: number | null;
                                    samples: number;
                                    /** @enum {unknown} */
                                    method: "exact" | "poisson" | "normal" | "approximate" | "none" | "unknown" | "order" | "noisy" | "largest-point" | "partly-covered";
                                };
                                maxBps: number | null;
                                utilisation: number | null;
                                p95Utilisation: number | null;
                                counters: {
                                    bps: number | null;
                                    coveredSeconds: number;
                                    utilisation: number | null;
                                    by: string;
                                } | null;
                                ratio: number | null;
                                fills: {
                                    src: {
                                        key: string;
                                        name: string;
                                    };
                                    dst: {
                                        key: string;
                                        name: string;
                                    };
                                    bytes: number;
                                    share: number | null;
                                }[];
                                fillCount: number;
                                partial: boolean;
                            }[];
                            linkCount: number;
                            placed: {
                                bytes: number;
                                onLinks: number;
                                inside: number;
                                unplaced: {
                                    /** @enum {unknown} */
                                    reason: "no-inventory" | "unknown-end" | "no-host" | "not-cabled" | "several-attachments" | "no-path" | "no-external-port" | "multicast" | "beyond-limit";
                                    bytes: number;
                                    pairs: number;
                                }[];
                                slices: {
                                    found: number;
                                    examined: number;
                                };
                                inventoryAsOf: string | null;
                            } | null;
                            coverage: number | null;
                            explain?: {
                                sql: string;
                                parameters: {
                                    [key: string]: string;
                                };
                                tables: string[];
                                rowsRead: number;
                                bytesRead: number;
                                elapsedMs: number;
                            }[];
                        };
                    };
                };
                /** @description problem document */
                default: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/problem+json": components["schemas"]["Problem"];
                    };
                };
            };
        };
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/what-if": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** What would change if VMs, applications or the VMs of hosts moved */
        post: {
            parameters: {
                query?: {
                    /** @description start of the traffic that is looked at */
                    from?: string;
                    /** @description end, excluded */
                    to?: string;
                    /** @description share of its speed beyond which a link is over the limit */
                    linkLimit?: number;
                    /** @description links listed, those with the highest utilisation afterwards first */
                    limit?: number;
                    /** @description pairs and moved VMs listed */
                    pairs?: number;
                    /** @description json: everything; the others have the table alone: jsonl (an object a line), csv (RFC 4180), arrow (an Arrow IPC stream), parquet. Unit, window and quality of a table are in the header `hairpin-about`, and in the metadata of arrow and parquet */
                    format?: "json" | "jsonl" | "csv" | "arrow" | "parquet";
                    /** @description csv: lines `# NAME: VALUE` with unit, window and quality before the names of the columns */
                    preamble?: boolean;
                    /** @description adds the statements behind the answer and what each has read; needs the role admin, and format=json */
                    explain?: boolean;
                };
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody: {
                content: {
                    /**
                     * @example {
                     *       "moves": [
                     *         {
                     *           "vm": "web-01",
                     *           "toHost": "host-002"
                     *         },
                     *         {
                     *           "app": "db",
                     *           "toRack": "rack-02"
                     *         }
                     *       ]
                     *     }
                     */
                    "application/json": {
                        moves: {
                            vm?: string;
                            app?: string;
                            host?: string;
                            toHost?: string;
                            toRack?: string;
                        }[];
                    };
                };
            };
            responses: {
                /** @description Default Response */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": {
                            /** Format: date-time */
                            from: string;
                            /** Format: date-time */
                            to: string;
                            resolutionSec: number;
                            coveredFrom: string | null;
                            coveredTo: string | null;
                            coveredSeconds: number;
                            coveredShare: number | null;
                            storedUntil: string | null;
                            settledUntil: string | null;
                            waiting: number | null;
                            recordsSince: string | null;
                            metric: string;
                            /** @enum {unknown} */
                            layer: "l3" | "l2";
                            unit: string;
                            table: string;
                            provisional: {
                                /** Format: date-time */
                                from: string;
                                /** Format: date-time */
                                to: string;
                                refused: boolean;
                            }[];
                            steady: boolean;
                            elapsedMs: number;
                            moved: {
                                key: string;
                                name: string;
                                from: string;
                                to: string;
                            }[];
                            movedCount: number;
                            links: {
                                /** @enum {unknown} */
                                kind: "access" | "endpoint" | "switch" | "other" | "external";
                                from: {
                                    /** @enum {unknown} */
                                    kind: "host" | "switch" | "endpoint" | "other" | "outside";
                                    id: string;
                                    ports: {
                                        ifIndex?: number;
                                        name?: string;
                                        lag?: number;
                                    }[];
                                };
                                to: {
                                    /** @enum {unknown} */
                                    kind: "host" | "switch" | "endpoint" | "other" | "outside";
                                    id: string;
                                    ports: {
                                        ifIndex?: number;
                                        name?: string;
                                        lag?: number;
                                    }[];
                                };
                                speedBps: number | null;
                                before: {
                                    value: number | null;
                                    ciLow: number | null;
                                    ciHigh: number | null;
                                    samples: number;
                                    /** @enum {unknown} */
                                    method: "exact" | "poisson" | "normal" | "approximate" | "none" | "unknown" | "order" | "noisy" | "largest-point" | "partly-covered";
                                };
                                after: {
                                    value: number | null;
                                    ciLow: number | null;
                                    ciHigh: number | null;
                                    samples: number;
                                    /** @enum {unknown} */
                                    method: "exact" | "poisson" | "normal" | "approximate" | "none" | "unknown" | "order" | "noisy" | "largest-point" | "partly-covered";
                                };
                                deltaBps: number | null;
                                p95BeforeBps: number | null;
                                p95AfterBps: number | null;
                                utilisationBefore: number | null;
                                utilisationAfter: number | null;
                                p95UtilisationAfter: number | null;
                                overLimit: boolean | null;
                            }[];
                            linkCount: number;
                            overLimit: number;
                            locality: {
                                /** @enum {unknown} */
                                locality: "unknown" | "same-vswitch" | "same-host" | "same-rack" | "cross-rack" | "cross-site" | "external";
                                before: number;
                                after: number;
                            }[];
                            byteHops: {
                                before: number;
                                after: number;
                                gain: number;
                            };
                            bytes: number;
                            unplaced: {
                                before: number;
                                after: number;
                            };
                            becomeInvisible: {
                                src: {
                                    key: string;
                                    name: string;
                                };
                                dst: {
                                    key: string;
                                    name: string;
                                };
                                bytes: number;
                            }[];
                            becomeInvisibleCount: number;
                            becomeVisible: {
                                src: {
                                    key: string;
                                    name: string;
                                };
                                dst: {
                                    key: string;
                                    name: string;
                                };
                                bytes: number;
                            }[];
                            becomeVisibleCount: number;
                            allPairsExamined: boolean;
                            inventoryAsOf: string | null;
                            explain?: {
                                sql: string;
                                parameters: {
                                    [key: string]: string;
                                };
                                tables: string[];
                                rowsRead: number;
                                bytesRead: number;
                                elapsedMs: number;
                            }[];
                        };
                    };
                };
                /** @description problem document */
                default: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/problem+json": components["schemas"]["Problem"];
                    };
                };
            };
        };
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/placement": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Which VMs should come together, which fill a link, and the best moves */
        get: {
            parameters: {
                query?: {
                    /** @description start of the traffic that is looked at */
                    from?: string;
                    /** @description end, excluded */
                    to?: string;
                    /** @description moves wanted */
                    moves?: number;
                    /** @description share of its speed beyond which a link is over the limit */
                    linkLimit?: number;
                    /**
                     * @description VMs of a host at most; 0: no limit
                     * @example 40
                     */
                    hostVms?: number;
                    /** @description memory of the VMs of a host together at most; 0: no limit. A VM of unknown memory is not moved then, and its host takes no more */
                    hostMemoryMiB?: number;
                    /** @description pairs and links listed */
                    limit?: number;
                    /** @description json: everything; the others have the table alone: jsonl (an object a line), csv (RFC 4180), arrow (an Arrow IPC stream), parquet. Unit, window and quality of a table are in the header `hairpin-about`, and in the metadata of arrow and parquet */
                    format?: "json" | "jsonl" | "csv" | "arrow" | "parquet";
                    /** @description csv: lines `# NAME: VALUE` with unit, window and quality before the names of the columns */
                    preamble?: boolean;
                    /** @description adds the statements behind the answer and what each has read; needs the role admin, and format=json */
                    explain?: boolean;
                };
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                /** @description Default Response */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": {
                            /** Format: date-time */
                            from: string;
                            /** Format: date-time */
                            to: string;
                            resolutionSec: number;
                            coveredFrom: string | null;
                            coveredTo: string | null;
                            coveredSeconds: number;
                            coveredShare: number | null;
                            storedUntil: string | null;
                            settledUntil: string | null;
                            waiting: number | null;
                            recordsSince: string | null;
                            metric: string;
                            /** @enum {unknown} */
                            layer: "l3" | "l2";
                            unit: string;
                            table: string;
                            provisional: {
                                /** Format: date-time */
                                from: string;
                                /** Format: date-time */
                                to: string;
                                refused: boolean;
                            }[];
                            steady: boolean;
                            elapsedMs: number;
                            moves: {
                                key: string;
                                name: string;
                                from: string;
                                to: string;
                                gain: number;
                            }[];
                            together: {
                                a: {
                                    key: string;
                                    name: string;
                                };
                                b: {
                                    key: string;
                                    name: string;
                                };
                                hostA: string;
                                hostB: string;
                                /** @enum {unknown} */
                                locality: "unknown" | "same-vswitch" | "same-host" | "same-rack" | "cross-rack" | "cross-site" | "external";
                                bytes: number;
                                byteHops: number;
                            }[];
                            hot: {
                                /** @enum {unknown} */
                                kind: "access" | "endpoint" | "switch" | "other" | "external";
                                from: {
                                    /** @enum {unknown} */
                                    kind: "host" | "switch" | "endpoint" | "other" | "outside";
                                    id: string;
                                    ports: {
                                        ifIndex?: number;
                                        name?: string;
                                        lag?: number;
                                    }[];
                                };
                                to: {
                                    /** @enum {unknown} */
                                    kind: "host" | "switch" | "endpoint" | "other" | "outside";
                                    id: string;
                                    ports: {
                                        ifIndex?: number;
                                        name?: string;
                                        lag?: number;
                                    }[];
                                };
                                speedBps: number | null;
                                utilisation: number;
                                pairs: {
                                    src: {
                                        key: string;
                                        name: string;
                                    };
                                    dst: {
                                        key: string;
                                        name: string;
                                    };
                                    bytes: number;
                                }[];
                            }[];
                            byteHops: {
                                before: number;
                                after: number;
                                gain: number;
                            } | null;
                            bytes: number | null;
                            unplaced: number | null;
                            candidates: number;
                            talking: number;
                            inventoryAsOf: string | null;
                            explain?: {
                                sql: string;
                                parameters: {
                                    [key: string]: string;
                                };
                                tables: string[];
                                rowsRead: number;
                                bytesRead: number;
                                elapsedMs: number;
                            }[];
                        };
                    };
                };
                /** @description problem document */
                default: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/problem+json": components["schemas"]["Problem"];
                    };
                };
            };
        };
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/moves": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** VMs that moved, and the load of old and new links before and after */
        get: {
            parameters: {
                query?: {
                    /** @description start: RFC 3339, `now`, `now-15m` (s m h d w) */
                    from?: string;
                    /** @description end, excluded */
                    to?: string;
                    /**
                     * @description loads are of so long before and after a move: 5m to 7d, in m, h or d
                     * @example 1h
                     */
                    span?: string;
                    /** @description moves with loads, the newest first */
                    limit?: number;
                    /** @description json: everything; the others have the table alone: jsonl (an object a line), csv (RFC 4180), arrow (an Arrow IPC stream), parquet. Unit, window and quality of a table are in the header `hairpin-about`, and in the metadata of arrow and parquet */
                    format?: "json" | "jsonl" | "csv" | "arrow" | "parquet";
                    /** @description csv: lines `# NAME: VALUE` with unit, window and quality before the names of the columns */
                    preamble?: boolean;
                    /** @description adds the statements behind the answer and what each has read; needs the role admin, and format=json */
                    explain?: boolean;
                };
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                /** @description Default Response */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": {
                            /** Format: date-time */
                            from: string;
                            /** Format: date-time */
                            to: string;
                            span: string;
                            moves: {
                                vm: {
                                    key: string;
                                    name: string;
                                };
                                from: {
                                    key: string;
                                    name: string;
                                };
                                to: {
                                    key: string;
                                    name: string;
                                };
                                /** Format: date-time */
                                at: string;
                                /** @enum {unknown} */
                                by: "inventory" | "flows" | "both";
                                inventoryAt: string | null;
                                notBefore: string | null;
                                before: {
                                    /** Format: date-time */
                                    from: string;
                                    /** Format: date-time */
                                    to: string;
                                    coveredShare: number | null;
                                };
                                after: {
                                    /** Format: date-time */
                                    from: string;
                                    /** Format: date-time */
                                    to: string;
                                    coveredShare: number | null;
                                };
                                links: {
                                    /** @enum {unknown} */
                                    host: "old" | "new";
                                    /** @enum {unknown} */
                                    kind: "access" | "endpoint" | "switch" | "other" | "external";
                                    from: {
                                        /** @enum {unknown} */
                                        kind: "host" | "switch" | "endpoint" | "other" | "outside";
                                        id: string;
                                        ports: {
                                            ifIndex?: number;
                                            name?: string;
                                            lag?: number;
                                        }[];
                                    };
                                    to: {
                                        /** @enum {unknown} */
                                        kind: "host" | "switch" | "endpoint" | "other" | "outside";
                                        id: string;
                                        ports: {
                                            ifIndex?: number;
                                            name?: string;
                                            lag?: number;
                                        }[];
                                    };
                                    speedBps: number | null;
                                    before: {
                                        value: number | null;
                                        ciLow: number | null;
                                        ciHigh: number | null;
                                        samples: number;
                                        /** @enum {unknown} */
                                        method: "exact" | "poisson" | "normal" | "approximate" | "none" | "unknown" | "order" | "noisy" | "largest-point" | "partly-covered";
                                        maxBps: number | null;
                                        utilisation: number | null;
                                    };
                                    after: {
                                        value: number | null;
                                        ciLow: number | null;
                                        ciHigh: number | null;
                                        samples: number;
                                        /** @enum {unknown} */
                                        method: "exact" | "poisson" | "normal" | "approximate" | "none" | "unknown" | "order" | "noisy" | "largest-point" | "partly-covered";
                                        maxBps: number | null;
                                        utilisation: number | null;
                                    };
                                    change: number | null;
                                }[];
                            }[];
                            moveCount: number;
                            inventoryFrom: string | null;
                            inventoryAsOf: string | null;
                            coverage: number | null;
                            provisional: {
                                /** Format: date-time */
                                from: string;
                                /** Format: date-time */
                                to: string;
                                refused: boolean;
                            }[];
                            elapsedMs: number;
                            explain?: {
                                sql: string;
                                parameters: {
                                    [key: string]: string;
                                };
                                tables: string[];
                                rowsRead: number;
                                bytesRead: number;
                                elapsedMs: number;
                            }[];
                        };
                    };
                };
                /** @description problem document */
                default: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/problem+json": components["schemas"]["Problem"];
                    };
                };
            };
        };
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/segments": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Who uses a segment, port group or VLAN, and on which links it is idle */
        get: {
            parameters: {
                query: {
                    /** @description start: RFC 3339, `now`, `now-15m` (s m h d w) */
                    from?: string;
                    /** @description end, excluded */
                    to?: string;
                    /**
                     * @description which one: a name, a glob (`web-*`) or a key, several joined by `|`, which count as one
                     * @example vlan-10
                     */
                    of: string;
                    /** @description what `of` names: a segment, a port group of the inventory as of the time of the traffic, or a number of a VLAN, which records of the window must report */
                    by?: "segment" | "portgroup" | "vlan";
                    /** @description applications listed, the largest first */
                    limit?: number;
                    /** @description links listed, those that are configured and carry least first */
                    links?: number;
                    /** @description json: everything; the others have the table alone: jsonl (an object a line), csv (RFC 4180), arrow (an Arrow IPC stream), parquet. Unit, window and quality of a table are in the header `hairpin-about`, and in the metadata of arrow and parquet */
                    format?: "json" | "jsonl" | "csv" | "arrow" | "parquet";
                    /** @description csv: lines `# NAME: VALUE` with unit, window and quality before the names of the columns */
                    preamble?: boolean;
                    /** @description adds the statements behind the answer and what each has read; needs the role admin, and format=json */
                    explain?: boolean;
                };
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                /** @description Default Response */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": {
                            /** Format: date-time */
                            from: string;
                            /** Format: date-time */
                            to: string;
                            resolutionSec: number;
                            coveredFrom: string | null;
                            coveredTo: string | null;
                            coveredSeconds: number;
                            coveredShare: number | null;
                            storedUntil: string | null;
                            settledUntil: string | null;
                            waiting: number | null;
                            recordsSince: string | null;
                            metric: string;
                            /** @enum {unknown} */
                            layer: "l3" | "l2";
                            unit: string;
                            table: string;
                            provisional: {
                                /** Format: date-time */
                                from: string;
                                /** Format: date-time */
                                to: string;
                                refused: boolean;
                            }[];
                            steady: boolean;
                            elapsedMs: number;
                            /** @enum {unknown} */
                            by: "segment" | "portgroup" | "vlan";
                            applications: {
                                app: {
                                    key: string;
                                    name: string;
                                };
                                value: number | null;
                                ciLow: number | null;
                                ciHigh: number | null;
                                samples: number;
                                /** @enum {unknown} */
                                method: "exact" | "poisson" | "normal" | "approximate" | "none" | "unknown" | "order" | "noisy" | "largest-point" | "partly-covered";
                                share: number | null;
                            }[];
                            applicationCount: number;
                            total: {
                                value: number | null;
                                ciLow: number | null;
                                ciHigh: number | null;
                                samples: number;
                                /** @enum {unknown} */
                                method: "exact" | "poisson" | "normal" | "approximate" | "none" | "unknown" | "order" | "noisy" | "largest-point" | "partly-covered";
                            };
                            links: {
                                /** @enum {unknown} */
                                kind: "access" | "endpoint" | "switch" | "other" | "external";
                                from: {
                                    /** @enum {unknown} */
                                    kind: "host" | "switch" | "endpoint" | "other" | "outside";
                                    id: string;
                                    ports: {
                                        ifIndex?: number;
                                        name?: string;
                                        lag?: number;
                                    }[];
                                };
                                to: {
                                    /** @enum {unknown} */
                                    kind: "host" | "switch" | "endpoint" | "other" | "outside";
                                    id: string;
                                    ports: {
                                        ifIndex?: number;
                                        name?: string;
                                        lag?: number;
                                    }[];
                                };
                                configured: boolean;
                                bytes: number | null;
                                lastTraffic: string | null;
                                idle: boolean | null;
                                idleSince: string | null;
                            }[];
                            linkCount: number;
                            attached: number | null;
                            uplinksSeen: boolean | null;
                            warnings: string[];
                            placed: {
                                bytes: number;
                                onLinks: number;
                                inside: number;
                                unplaced: {
                                    /** @enum {unknown} */
                                    reason: "no-inventory" | "unknown-end" | "no-host" | "not-cabled" | "several-attachments" | "no-path" | "no-external-port" | "multicast" | "beyond-limit";
                                    bytes: number;
                                    pairs: number;
                                }[];
                                slices: {
                                    found: number;
                                    examined: number;
                                };
                                inventoryAsOf: string | null;
                            } | null;
                            explain?: {
                                sql: string;
                                parameters: {
                                    [key: string]: string;
                                };
                                tables: string[];
                                rowsRead: number;
                                bytesRead: number;
                                elapsedMs: number;
                            }[];
                        };
                    };
                };
                /** @description problem document */
                default: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/problem+json": components["schemas"]["Problem"];
                    };
                };
            };
        };
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/waves": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Groups of applications to migrate together, and what crosses between the sites meanwhile */
        get: {
            parameters: {
                query?: {
                    /** @description start of the traffic that is looked at */
                    from?: string;
                    /** @description end, excluded */
                    to?: string;
                    /**
                     * @description waves at most; 4 unless waveVms is stated, then as many as needed
                     * @example 6
                     */
                    waves?: number;
                    /** @description running VMs of a wave at most; needs an inventory. Left out: a quarter more than the mean of the waves, or what the largest application has */
                    waveVms?: number;
                    /**
                     * @description bit/s of the link between the sites, each way: says which boundaries are beyond it
                     * @example 1000000000
                     */
                    capacity?: number;
                    /** @description `src.app in (web, api) and not dst.app = db or service = https`: terms joined by and (`,`), or (`;`) and not, groups in parentheses. = != in, not in and, for numbers, < <= > >= and ranges (`dst.port in 8000-8100`). `app=web` is either end, also `either.app`; `srcApp` is `src.app`. Nodes by name or glob (`web-*`), in any case, or by key; addresses by prefix (`addr in 10.0.0.0/8`); values with `,;|` or parentheses in double quotes. In short `srcApp=web|api,dstApp!=db;service=tcp/443`. docs/FILTERS.md has the whole language */
                    filter?: string;
                    /** @description applications planned, those that exchange most with others; the others are in no wave */
                    limit?: number;
                    /** @description json: everything; the others have the table alone: jsonl (an object a line), csv (RFC 4180), arrow (an Arrow IPC stream), parquet. Unit, window and quality of a table are in the header `hairpin-about`, and in the metadata of arrow and parquet */
                    format?: "json" | "jsonl" | "csv" | "arrow" | "parquet";
                    /** @description csv: lines `# NAME: VALUE` with unit, window and quality before the names of the columns */
                    preamble?: boolean;
                    /** @description adds the statements behind the answer and what each has read; needs the role admin, and format=json */
                    explain?: boolean;
                };
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                /** @description Default Response */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": {
                            /** Format: date-time */
                            from: string;
                            /** Format: date-time */
                            to: string;
                            resolutionSec: number;
                            coveredFrom: string | null;
                            coveredTo: string | null;
                            coveredSeconds: number;
                            coveredShare: number | null;
                            storedUntil: string | null;
                            settledUntil: string | null;
                            waiting: number | null;
                            recordsSince: string | null;
                            metric: string;
                            /** @enum {unknown} */
                            layer: "l3" | "l2";
                            unit: string;
                            table: string;
                            provisional: {
                                /** Format: date-time */
                                from: string;
                                /** Format: date-time */
                                to: string;
                                refused: boolean;
                            }[];
                            steady: boolean;
                            elapsedMs: number;
                            waves: {
                                applications: {
                                    key: string;
                                    name: string;
                                    vms: number | null;
                                    bytes: number;
                                }[];
                                vms: number | null;
                                bytes: number;
                                fromMoved: {
                                    average: {
                                        value: number | null;
                                        ciLow: number | null;
                                        ciHigh: number | null;
                                        samples: number;
                                        /** @enum {unknown} */
                                        method: "exact" | "poisson" | "normal" | "approximate" | "none" | "unknown" | "order" | "noisy" | "largest-point" | "partly-covered";
                                    };
                                    p95: {
                                        value: number | null;
                                        ciLow: number | null;
                                        ciHigh: number | null;
                                        samples: number;
                                        /** @enum {unknown} */
                                        method: "exact" | "poisson" | "normal" | "approximate" | "none" | "unknown" | "order" | "noisy" | "largest-point" | "partly-covered";
                                    };
                                };
                                toMoved: {
                                    average: {
                                        value: number | null;
                                        ciLow: number | null;
                                        ciHigh: number | null;
                                        samples: number;
                                        /** @enum {unknown} */
                                        method: "exact" | "poisson" | "normal" | "approximate" | "none" | "unknown" | "order" | "noisy" | "largest-point" | "partly-covered";
                                    };
                                    p95: {
                                        value: number | null;
                                        ciLow: number | null;
                                        ciHigh: number | null;
                                        samples: number;
                                        /** @enum {unknown} */
                                        method: "exact" | "poisson" | "normal" | "approximate" | "none" | "unknown" | "order" | "noisy" | "largest-point" | "partly-covered";
                                    };
                                };
                                elsewhere: {
                                    average: {
                                        value: number | null;
                                        ciLow: number | null;
                                        ciHigh: number | null;
                                        samples: number;
                                        /** @enum {unknown} */
                                        method: "exact" | "poisson" | "normal" | "approximate" | "none" | "unknown" | "order" | "noisy" | "largest-point" | "partly-covered";
                                    };
                                    p95: {
                                        value: number | null;
                                        ciLow: number | null;
                                        ciHigh: number | null;
                                        samples: number;
                                        /** @enum {unknown} */
                                        method: "exact" | "poisson" | "normal" | "approximate" | "none" | "unknown" | "order" | "noisy" | "largest-point" | "partly-covered";
                                    };
                                };
                                beyondCapacity: boolean | null;
                                coverage: number | null;
                                invisiblePairs: number | null;
                            }[];
                            cost: number | null;
                            waveVms: number | null;
                            total: number | null;
                            beyondLimit: {
                                applications: number;
                                bytes: number;
                            };
                            silent: {
                                applications: number;
                                vms: number;
                            } | null;
                            warnings: string[];
                            explain?: {
                                sql: string;
                                parameters: {
                                    [key: string]: string;
                                };
                                tables: string[];
                                rowsRead: number;
                                bytesRead: number;
                                elapsedMs: number;
                            }[];
                        };
                    };
                };
                /** @description problem document */
                default: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/problem+json": components["schemas"]["Problem"];
                    };
                };
            };
        };
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/growth": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Weekly percentiles, their slope and when a capacity is reached */
        get: {
            parameters: {
                query?: {
                    /** @description start; weeks that begin later are taken */
                    from?: string;
                    /** @description end, excluded */
                    to?: string;
                    /** @description `src.app in (web, api) and not dst.app = db or service = https`: terms joined by and (`,`), or (`;`) and not, groups in parentheses. = != in, not in and, for numbers, < <= > >= and ranges (`dst.port in 8000-8100`). `app=web` is either end, also `either.app`; `srcApp` is `src.app`. Nodes by name or glob (`web-*`), in any case, or by key; addresses by prefix (`addr in 10.0.0.0/8`); values with `,;|` or parentheses in double quotes. In short `srcApp=web|api,dstApp!=db;service=tcp/443`. docs/FILTERS.md has the whole language */
                    filter?: string;
                    /** @description of the five-minute rates of each week, nearest rank; 100 is the maximum */
                    percentile?: number;
                    /**
                     * @description the hours of the window that count: weekdays (mo-fr), hours (08:00-18:00), an IANA time zone (Europe/Berlin) and days left out (not 2026-12-25,2026-12-26), separated by blanks, each at most once. Days are those of the zone, 23 or 25 hours long where its clocks change; hours over midnight (22-06) belong to the day they began on
                     * @example mo-fr 08:00-18:00 Europe/Berlin not 2026-12-25..2026-12-26
                     */
                    calendar?: string;
                    /** @description bit/s of what carries the traffic: says when it is reached */
                    capacity?: number;
                    /** @description forecast so far ahead of the last week */
                    weeks?: number;
                    /** @description json: everything; the others have the table alone: jsonl (an object a line), csv (RFC 4180), arrow (an Arrow IPC stream), parquet. Unit, window and quality of a table are in the header `hairpin-about`, and in the metadata of arrow and parquet */
                    format?: "json" | "jsonl" | "csv" | "arrow" | "parquet";
                    /** @description csv: lines `# NAME: VALUE` with unit, window and quality before the names of the columns */
                    preamble?: boolean;
                    /** @description adds the statements behind the answer and what each has read; needs the role admin, and format=json */
                    explain?: boolean;
                };
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                /** @description Default Response */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": {
                            zone: string;
                            metric: string;
                            unit: string;
                            weeks: {
                                /** Format: date-time */
                                from: string;
                                /** Format: date-time */
                                to: string;
                                value: number | null;
                                ciLow: number | null;
                                ciHigh: number | null;
                                samples: number;
                                /** @enum {unknown} */
                                method: "exact" | "poisson" | "normal" | "approximate" | "none" | "unknown" | "order" | "noisy" | "largest-point" | "partly-covered";
                                buckets: number;
                                coveredShare: number;
                                used: boolean;
                            }[];
                            used: number;
                            slope: {
                                value: number;
                                ciLow: number;
                                ciHigh: number;
                            } | null;
                            slopeShare: number | null;
                            forecast: {
                                /** Format: date-time */
                                at: string;
                                value: number;
                                ciLow: number;
                                ciHigh: number;
                            } | null;
                            runOut: {
                                share: number;
                                bps: number;
                                at: string | null;
                                earliest: string | null;
                                latest: string | null;
                            }[];
                            warnings: string[];
                            provisional: {
                                /** Format: date-time */
                                from: string;
                                /** Format: date-time */
                                to: string;
                                refused: boolean;
                            }[];
                            elapsedMs: number;
                            explain?: {
                                sql: string;
                                parameters: {
                                    [key: string]: string;
                                };
                                tables: string[];
                                rowsRead: number;
                                bytesRead: number;
                                elapsedMs: number;
                            }[];
                        };
                    };
                };
                /** @description problem document */
                default: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/problem+json": components["schemas"]["Problem"];
                    };
                };
            };
        };
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/dependencies": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** With whom an application or VM talks, and what breaks where it moves */
        get: {
            parameters: {
                query: {
                    /** @description start: RFC 3339, `now`, `now-15m` (s m h d w) */
                    from?: string;
                    /** @description end, excluded */
                    to?: string;
                    /**
                     * @description whose peers are listed: a name, a glob (`web-*`) or a key, several joined by `|`, which count as one
                     * @example web
                     */
                    of: string;
                    /** @description what `of` names, and what its peers are */
                    by?: "app" | "vm";
                    /** @description peers with at least this share of its bytes, both ways together, are listed; the others are the rest */
                    share?: number;
                    /** @description peers listed, the largest first; those beyond are in the rest too */
                    limit?: number;
                    /** @description services listed of each peer, the largest first */
                    services?: number;
                    /** @description json: everything; the others have the table alone: jsonl (an object a line), csv (RFC 4180), arrow (an Arrow IPC stream), parquet. Unit, window and quality of a table are in the header `hairpin-about`, and in the metadata of arrow and parquet */
                    format?: "json" | "jsonl" | "csv" | "arrow" | "parquet";
                    /** @description csv: lines `# NAME: VALUE` with unit, window and quality before the names of the columns */
                    preamble?: boolean;
                    /** @description adds the statements behind the answer and what each has read; needs the role admin, and format=json */
                    explain?: boolean;
                };
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                /** @description Default Response */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": {
                            /** Format: date-time */
                            from: string;
                            /** Format: date-time */
                            to: string;
                            resolutionSec: number;
                            coveredFrom: string | null;
                            coveredTo: string | null;
                            coveredSeconds: number;
                            coveredShare: number | null;
                            storedUntil: string | null;
                            settledUntil: string | null;
                            waiting: number | null;
                            recordsSince: string | null;
                            metric: string;
                            /** @enum {unknown} */
                            layer: "l3" | "l2";
                            unit: string;
                            table: string;
                            provisional: {
                                /** Format: date-time */
                                from: string;
                                /** Format: date-time */
                                to: string;
                                refused: boolean;
                            }[];
                            steady: boolean;
                            elapsedMs: number;
                            of: {
                                key: string;
                                name: string;
                            }[];
                            ofCount: number;
                            /** @enum {unknown} */
                            by: "app" | "vm";
                            peers: {
                                peer: {
                                    key: string;
                                    name: string;
                                };
                                /** @enum {unknown} */
                                direction: "both" | "to" | "from";
                                value: number | null;
                                ciLow: number | null;
                                ciHigh: number | null;
                                samples: number;
                                /** @enum {unknown} */
                                method: "exact" | "poisson" | "normal" | "approximate" | "none" | "unknown" | "order" | "noisy" | "largest-point" | "partly-covered";
                                share: number | null;
                                to: {
                                    value: number | null;
                                    ciLow: number | null;
                                    ciHigh: number | null;
                                    samples: number;
                                    /** @enum {unknown} */
                                    method: "exact" | "poisson" | "normal" | "approximate" | "none" | "unknown" | "order" | "noisy" | "largest-point" | "partly-covered";
                                };
                                from: {
                                    value: number | null;
                                    ciLow: number | null;
                                    ciHigh: number | null;
                                    samples: number;
                                    /** @enum {unknown} */
                                    method: "exact" | "poisson" | "normal" | "approximate" | "none" | "unknown" | "order" | "noisy" | "largest-point" | "partly-covered";
                                };
                                services: {
                                    key: string;
                                    name: string;
                                    title: string | null;
                                    /** @enum {unknown} */
                                    server: "of" | "peer" | "unknown";
                                    bytes: number;
                                    share: number | null;
                                }[];
                                serviceCount: number;
                                moves: {
                                    host: number | null;
                                    rack: number | null;
                                    site: number | null;
                                    unknown: number | null;
                                    segment: number | null;
                                };
                                seen: {
                                    first: string | null;
                                    firstSec: number;
                                    firstOrEarlier: boolean;
                                    last: string | null;
                                    lastSec: number;
                                };
                            }[];
                            peerCount: number;
                            rest: {
                                value: number | null;
                                ciLow: number | null;
                                ciHigh: number | null;
                                samples: number;
                                /** @enum {unknown} */
                                method: "exact" | "poisson" | "normal" | "approximate" | "none" | "unknown" | "order" | "noisy" | "largest-point" | "partly-covered";
                                share: number | null;
                                moves: {
                                    host: number | null;
                                    rack: number | null;
                                    site: number | null;
                                    unknown: number | null;
                                    segment: number | null;
                                };
                            };
                            within: {
                                value: number | null;
                                ciLow: number | null;
                                ciHigh: number | null;
                                samples: number;
                                /** @enum {unknown} */
                                method: "exact" | "poisson" | "normal" | "approximate" | "none" | "unknown" | "order" | "noisy" | "largest-point" | "partly-covered";
                            };
                            total: {
                                value: number | null;
                                ciLow: number | null;
                                ciHigh: number | null;
                                samples: number;
                                /** @enum {unknown} */
                                method: "exact" | "poisson" | "normal" | "approximate" | "none" | "unknown" | "order" | "noisy" | "largest-point" | "partly-covered";
                            };
                            moves: {
                                host: number | null;
                                rack: number | null;
                                site: number | null;
                                unknown: number | null;
                                segment: number | null;
                            };
                            historySince: string | null;
                            coverage: number | null;
                            explain?: {
                                sql: string;
                                parameters: {
                                    [key: string]: string;
                                };
                                tables: string[];
                                rowsRead: number;
                                bytesRead: number;
                                elapsedMs: number;
                            }[];
                        };
                    };
                };
                /** @description problem document */
                default: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/problem+json": components["schemas"]["Problem"];
                    };
                };
            };
        };
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/services": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** What an application or VM serves: ports, clients, what is new since a date */
        get: {
            parameters: {
                query: {
                    /** @description start: RFC 3339, `now`, `now-15m` (s m h d w) */
                    from?: string;
                    /** @description end, excluded */
                    to?: string;
                    /**
                     * @description whose services are listed: a name, a glob (`web-*`) or a key, several joined by `|`, which count as one
                     * @example web
                     */
                    of: string;
                    /** @description what `of` names, and what clients are */
                    by?: "app" | "vm";
                    /**
                     * @description says of each service whether it is new since then; empty: `new` is null
                     * @example now-30d
                     */
                    since?: string;
                    /** @description a service not seen before since is new where 0.95 of so many days before are covered */
                    baselineDays?: number;
                    /** @description services listed, the largest first */
                    limit?: number;
                    /** @description services left out before the first one listed */
                    offset?: number;
                    /** @description json: everything; the others have the table alone: jsonl (an object a line), csv (RFC 4180), arrow (an Arrow IPC stream), parquet. Unit, window and quality of a table are in the header `hairpin-about`, and in the metadata of arrow and parquet */
                    format?: "json" | "jsonl" | "csv" | "arrow" | "parquet";
                    /** @description csv: lines `# NAME: VALUE` with unit, window and quality before the names of the columns */
                    preamble?: boolean;
                    /** @description adds the statements behind the answer and what each has read; needs the role admin, and format=json */
                    explain?: boolean;
                };
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                /** @description Default Response */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": {
                            /** Format: date-time */
                            from: string;
                            /** Format: date-time */
                            to: string;
                            resolutionSec: number;
                            coveredFrom: string | null;
                            coveredTo: string | null;
                            coveredSeconds: number;
                            coveredShare: number | null;
                            storedUntil: string | null;
                            settledUntil: string | null;
                            waiting: number | null;
                            recordsSince: string | null;
                            metric: string;
                            /** @enum {unknown} */
                            layer: "l3" | "l2";
                            unit: string;
                            table: string;
                            provisional: {
                                /** Format: date-time */
                                from: string;
                                /** Format: date-time */
                                to: string;
                                refused: boolean;
                            }[];
                            steady: boolean;
                            elapsedMs: number;
                            of: {
                                key: string;
                                name: string;
                            }[];
                            ofCount: number;
                            /** @enum {unknown} */
                            by: "app" | "vm";
                            services: {
                                service: {
                                    key: string;
                                    name: string;
                                };
                                title: string | null;
                                value: number | null;
                                ciLow: number | null;
                                ciHigh: number | null;
                                samples: number;
                                /** @enum {unknown} */
                                method: "exact" | "poisson" | "normal" | "approximate" | "none" | "unknown" | "order" | "noisy" | "largest-point" | "partly-covered";
                                share: number | null;
                                clients: number;
                                new: boolean | null;
                                seen: {
                                    first: string | null;
                                    firstSec: number;
                                    firstOrEarlier: boolean;
                                    last: string | null;
                                    lastSec: number;
                                };
                            }[];
                            serviceCount: number;
                            rest: number | null;
                            total: {
                                value: number | null;
                                ciLow: number | null;
                                ciHigh: number | null;
                                samples: number;
                                /** @enum {unknown} */
                                method: "exact" | "poisson" | "normal" | "approximate" | "none" | "unknown" | "order" | "noisy" | "largest-point" | "partly-covered";
                            };
                            unknownSide: {
                                value: number | null;
                                ciLow: number | null;
                                ciHigh: number | null;
                                samples: number;
                                /** @enum {unknown} */
                                method: "exact" | "poisson" | "normal" | "approximate" | "none" | "unknown" | "order" | "noisy" | "largest-point" | "partly-covered";
                            };
                            baseline: {
                                since: string | null;
                                from: string | null;
                                coveredShare: number | null;
                                reaches: boolean;
                            } | null;
                            explain?: {
                                sql: string;
                                parameters: {
                                    [key: string]: string;
                                };
                                tables: string[];
                                rowsRead: number;
                                bytesRead: number;
                                elapsedMs: number;
                            }[];
                        };
                    };
                };
                /** @description problem document */
                default: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/problem+json": components["schemas"]["Problem"];
                    };
                };
            };
        };
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/unclassified": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Endpoints without an application, by reason, with bytes and share */
        get: {
            parameters: {
                query?: {
                    /** @description start: RFC 3339, `now`, `now-15m` (s m h d w), or a day (`2026-01-31`: its midnight in the zone of the calendar) */
                    from?: string;
                    /** @description end, excluded */
                    to?: string;
                    /** @description endpoints of this reason only */
                    reason?: "ambiguous" | "unknown-mac" | "unknown-address" | "stale-inventory" | "no-rule";
                    /** @description endpoints listed, the largest first */
                    limit?: number;
                    /** @description endpoints left out before the first one listed: all pages are all endpoints */
                    offset?: number;
                    /** @description json: everything; the others have the table alone: jsonl (an object a line), csv (RFC 4180), arrow (an Arrow IPC stream), parquet. Unit, window and quality of a table are in the header `hairpin-about`, and in the metadata of arrow and parquet */
                    format?: "json" | "jsonl" | "csv" | "arrow" | "parquet";
                    /** @description csv: lines `# NAME: VALUE` with unit, window and quality before the names of the columns */
                    preamble?: boolean;
                    /** @description adds the statements behind the answer and what each has read; needs the role admin, and format=json */
                    explain?: boolean;
                };
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                /** @description Default Response */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": {
                            /** Format: date-time */
                            from: string;
                            /** Format: date-time */
                            to: string;
                            resolutionSec: number;
                            coveredFrom: string | null;
                            coveredTo: string | null;
                            coveredSeconds: number;
                            coveredShare: number | null;
                            storedUntil: string | null;
                            settledUntil: string | null;
                            waiting: number | null;
                            recordsSince: string | null;
                            metric: string;
                            /** @enum {unknown} */
                            layer: "l3" | "l2";
                            unit: string;
                            table: string;
                            provisional: {
                                /** Format: date-time */
                                from: string;
                                /** Format: date-time */
                                to: string;
                                refused: boolean;
                            }[];
                            steady: boolean;
                            elapsedMs: number;
                            reasons: {
                                /** @enum {string} */
                                reason: "ambiguous" | "unknown-mac" | "unknown-address" | "stale-inventory" | "no-rule";
                                value: number | null;
                                ciLow: number | null;
                                ciHigh: number | null;
                                samples: number;
                                /** @enum {unknown} */
                                method: "exact" | "poisson" | "normal" | "approximate" | "none" | "unknown" | "order" | "noisy" | "largest-point" | "partly-covered";
                                share: number | null;
                                endpoints: number;
                            }[];
                            endpoints: {
                                /** @enum {string} */
                                reason: "ambiguous" | "unknown-mac" | "unknown-address" | "stale-inventory" | "no-rule";
                                address: string | null;
                                mac: string | null;
                                vm: {
                                    key: string;
                                    name: string;
                                } | null;
                                node: {
                                    key: string;
                                    name: string;
                                };
                                value: number | null;
                                ciLow: number | null;
                                ciHigh: number | null;
                                samples: number;
                                /** @enum {unknown} */
                                method: "exact" | "poisson" | "normal" | "approximate" | "none" | "unknown" | "order" | "noisy" | "largest-point" | "partly-covered";
                                share: number | null;
                            }[];
                            endpointCount: number;
                            unclassified: {
                                value: number | null;
                                ciLow: number | null;
                                ciHigh: number | null;
                                samples: number;
                                /** @enum {unknown} */
                                method: "exact" | "poisson" | "normal" | "approximate" | "none" | "unknown" | "order" | "noisy" | "largest-point" | "partly-covered";
                            };
                            total: {
                                value: number | null;
                                ciLow: number | null;
                                ciHigh: number | null;
                                samples: number;
                                /** @enum {unknown} */
                                method: "exact" | "poisson" | "normal" | "approximate" | "none" | "unknown" | "order" | "noisy" | "largest-point" | "partly-covered";
                            };
                            share: number | null;
                            explain?: {
                                sql: string;
                                parameters: {
                                    [key: string]: string;
                                };
                                tables: string[];
                                rowsRead: number;
                                bytesRead: number;
                                elapsedMs: number;
                            }[];
                        };
                    };
                };
                /** @description problem document */
                default: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/problem+json": components["schemas"]["Problem"];
                    };
                };
            };
        };
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/trust": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** How far a cell can be trusted: one verdict with its reasons */
        get: {
            parameters: {
                query: {
                    /** @description start: RFC 3339, `now`, `now-15m` (s m h d w), or a day (`2026-01-31`: its midnight in the zone of the calendar) */
                    from?: string;
                    /** @description end, excluded */
                    to?: string;
                    /** @description the level of the cell */
                    by?: "app" | "rack" | "host" | "vm" | "mac" | "port" | "addr" | "interface" | "tier" | "segment" | "portgroup" | "vswitch" | "site";
                    /**
                     * @description senders of the cell: values of the dimension `by` as in filters, several joined by `|`
                     * @example web
                     */
                    src: string;
                    /**
                     * @description receivers of the cell: values of the dimension `by` as in filters, several joined by `|`
                     * @example web
                     */
                    dst: string;
                    /** @description p50Bps, p95Bps and p99Bps are the nearest rank of five-minute buckets; rates are over the observed part of the window */
                    metric?: "bytes" | "packets" | "avgBps" | "p50Bps" | "p95Bps" | "p99Bps" | "maxBps";
                    /**
                     * @description in place of metric: this percentile of the rates of five-minute buckets, nearest rank; 100 is the maximum
                     * @example 97.5
                     */
                    percentile?: number;
                    /** @description json: everything; the others have the table alone: jsonl (an object a line), csv (RFC 4180), arrow (an Arrow IPC stream), parquet. Unit, window and quality of a table are in the header `hairpin-about`, and in the metadata of arrow and parquet */
                    format?: "json" | "jsonl" | "csv" | "arrow" | "parquet";
                    /** @description csv: lines `# NAME: VALUE` with unit, window and quality before the names of the columns */
                    preamble?: boolean;
                    /** @description adds the statements behind the answer and what each has read; needs the role admin, and format=json */
                    explain?: boolean;
                };
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                /** @description Default Response */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": {
                            /** Format: date-time */
                            from: string;
                            /** Format: date-time */
                            to: string;
                            resolutionSec: number;
                            coveredFrom: string | null;
                            coveredTo: string | null;
                            coveredSeconds: number;
                            coveredShare: number | null;
                            storedUntil: string | null;
                            settledUntil: string | null;
                            waiting: number | null;
                            recordsSince: string | null;
                            metric: string;
                            /** @enum {unknown} */
                            layer: "l3" | "l2";
                            unit: string;
                            table: string;
                            provisional: {
                                /** Format: date-time */
                                from: string;
                                /** Format: date-time */
                                to: string;
                                refused: boolean;
                            }[];
                            steady: boolean;
                            elapsedMs: number;
                            by: string;
                            /** @enum {unknown} */
                            verdict: "sound" | "usable" | "doubtful" | "unknown";
                            reasons: string[];
                            checks: {
                                /** @enum {unknown} */
                                check: "covered" | "interval" | "method" | "coverage" | "loss" | "inventory" | "stale" | "re-enriched" | "counters" | "provisional";
                                /** @enum {unknown} */
                                verdict: "sound" | "usable" | "doubtful" | "unknown";
                                figure: number | null;
                                reason: string;
                            }[];
                            cell: {
                                value: number | null;
                                ciLow: number | null;
                                ciHigh: number | null;
                                samples: number;
                                /** @enum {unknown} */
                                method: "exact" | "poisson" | "normal" | "approximate" | "none" | "unknown" | "order" | "noisy" | "largest-point" | "partly-covered";
                            };
                            lossAdjusted: number | null;
                            records: {
                                /** Format: date-time */
                                from: string;
                                /** Format: date-time */
                                to: string;
                                records: number;
                                exporters: number;
                                ports: number;
                                comparedPorts: number;
                                oldestInventory: string | null;
                            };
                            explain?: {
                                sql: string;
                                parameters: {
                                    [key: string]: string;
                                };
                                tables: string[];
                                rowsRead: number;
                                bytesRead: number;
                                elapsedMs: number;
                            }[];
                        };
                    };
                };
                /** @description problem document */
                default: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/problem+json": components["schemas"]["Problem"];
                    };
                };
            };
        };
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/coincidence": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Whether the peaks of a few series meet */
        get: {
            parameters: {
                query?: {
                    /** @description start; the window has at most 31 days */
                    from?: string;
                    /** @description end, excluded */
                    to?: string;
                    /**
                     * @description the hours of the window that count: weekdays (mo-fr), hours (08:00-18:00), an IANA time zone (Europe/Berlin) and days left out (not 2026-12-25,2026-12-26), separated by blanks, each at most once. Days are those of the zone, 23 or 25 hours long where its clocks change; hours over midnight (22-06) belong to the day they began on
                     * @example mo-fr 08:00-18:00 Europe/Berlin not 2026-12-25..2026-12-26
                     */
                    calendar?: string;
                    /**
                     * @description a filter that names a series; repeated for each, at most 20. Traffic that several of them name is in the sum several times
                     * @example srcApp=web,dstApp=db
                     */
                    series?: string | string[];
                    /**
                     * @description in place of series: the largest groups of up to four of app, rack, host, vm, mac, port, addr, interface, tier, segment, portgroup, vswitch, site, exporter, observationDomain, protocol, inIf, outIf, direction, srcAddr, dstAddr, vrf, etherType, proto, srcPort, dstPort, tos, srcMac, dstMac, vlan, sVlan, ecid, vni, srcVm, dstVm, srcHost, dstHost, srcRack, dstRack, srcApp, dstApp, service, serverSide, locality, countReason, electionRule, srcSite, dstSite, srcVswitch, dstVswitch, srcPortGroup, dstPortGroup, srcSegment, dstSegment, srcTier, dstTier, inInterface, outInterface, addr/24 or addr/24/48 (lengths of IPv4 and IPv6), joined by commas; app unless stated
                     * @example srcApp
                     */
                    by?: string;
                    /** @description `src.app in (web, api) and not dst.app = db or service = https`: terms joined by and (`,`), or (`;`) and not, groups in parentheses. = != in, not in and, for numbers, < <= > >= and ranges (`dst.port in 8000-8100`). `app=web` is either end, also `either.app`; `srcApp` is `src.app`. Nodes by name or glob (`web-*`), in any case, or by key; addresses by prefix (`addr in 10.0.0.0/8`); values with `,;|` or parentheses in double quotes. In short `srcApp=web|api,dstApp!=db;service=tcp/443`. docs/FILTERS.md has the whole language */
                    filter?: string;
                    /** @description with by: groups taken, the largest first */
                    limit?: number;
                    /** @description json: everything; the others have the table alone: jsonl (an object a line), csv (RFC 4180), arrow (an Arrow IPC stream), parquet. Unit, window and quality of a table are in the header `hairpin-about`, and in the metadata of arrow and parquet */
                    format?: "json" | "jsonl" | "csv" | "arrow" | "parquet";
                    /** @description csv: lines `# NAME: VALUE` with unit, window and quality before the names of the columns */
                    preamble?: boolean;
                    /** @description adds the statements behind the answer and what each has read; needs the role admin, and format=json */
                    explain?: boolean;
                };
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                /** @description Default Response */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": {
                            /** Format: date-time */
                            from: string;
                            /** Format: date-time */
                            to: string;
                            resolutionSec: number;
                            coveredFrom: string | null;
                            coveredTo: string | null;
                            coveredSeconds: number;
                            coveredShare: number | null;
                            storedUntil: string | null;
                            settledUntil: string | null;
                            waiting: number | null;
                            recordsSince: string | null;
                            metric: string;
                            /** @enum {unknown} */
                            layer: "l3" | "l2";
                            unit: string;
                            table: string;
                            provisional: {
                                /** Format: date-time */
                                from: string;
                                /** Format: date-time */
                                to: string;
                                refused: boolean;
                            }[];
                            steady: boolean;
                            elapsedMs: number;
                            bucketSec: number;
                            series: {
                                name: string;
                                keys: string[];
                                buckets: number;
                                meanBps: number | null;
                                peak: {
                                    /** Format: date-time */
                                    at: string;
                                    value: number | null;
                                    ciLow: number | null;
                                    ciHigh: number | null;
                                    samples: number;
                                    /** @enum {unknown} */
                                    method: "exact" | "poisson" | "normal" | "approximate" | "none" | "unknown" | "order" | "noisy" | "largest-point" | "partly-covered";
                                } | null;
                                noiseShare: number | null;
                                coverage: number | null;
                            }[];
                            pairs: {
                                a: number;
                                b: number;
                                correlation: number | null;
                                buckets: number;
                                noisy: boolean | null;
                            }[];
                            together: {
                                buckets: number;
                                sumOfPeaks: number;
                                peakOfSum: number;
                                /** Format: date-time */
                                at: string;
                                ratio: number | null;
                            } | null;
                            warnings: string[];
                            explain?: {
                                sql: string;
                                parameters: {
                                    [key: string]: string;
                                };
                                tables: string[];
                                rowsRead: number;
                                bytesRead: number;
                                elapsedMs: number;
                            }[];
                        };
                    };
                };
                /** @description problem document */
                default: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/problem+json": components["schemas"]["Problem"];
                    };
                };
            };
        };
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/flows": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** The newest records, every column in words */
        get: {
            parameters: {
                query?: {
                    /** @description start: RFC 3339, `now`, `now-15m` (s m h d w), or a day (`2026-01-31`: its midnight in the zone of the calendar) */
                    from?: string;
                    /** @description end, excluded */
                    to?: string;
                    /** @description `src.app in (web, api) and not dst.app = db or service = https`: terms joined by and (`,`), or (`;`) and not, groups in parentheses. = != in, not in and, for numbers, < <= > >= and ranges (`dst.port in 8000-8100`). `app=web` is either end, also `either.app`; `srcApp` is `src.app`. Nodes by name or glob (`web-*`), in any case, or by key; addresses by prefix (`addr in 10.0.0.0/8`); values with `,;|` or parentheses in double quotes. In short `srcApp=web|api,dstApp!=db;service=tcp/443`. docs/FILTERS.md has the whole language */
                    filter?: string;
                    /** @description records of a page, the newest first */
                    limit?: number;
                    /** @description `next` of the page before; times are then those of the first page */
                    cursor?: string;
                    /** @description every record instead of a page, as a stream; with jsonl, csv, arrow or parquet. A connection that is cut before its end has failed */
                    all?: boolean;
                    /** @description with all and jsonl: a line `{"progress":{"records":N,"share":0.4}}` after each part */
                    progress?: boolean;
                    /** @description json: everything; the others have the table alone: jsonl (an object a line), csv (RFC 4180), arrow (an Arrow IPC stream), parquet. Unit, window and quality of a table are in the header `hairpin-about`, and in the metadata of arrow and parquet */
                    format?: "json" | "jsonl" | "csv" | "arrow" | "parquet";
                    /** @description csv: lines `# NAME: VALUE` with unit, window and quality before the names of the columns */
                    preamble?: boolean;
                    /** @description adds the statements behind the answer and what each has read; needs the role admin, and format=json */
                    explain?: boolean;
                };
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                /** @description Default Response */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": {
                            /** Format: date-time */
                            from: string;
                            /** Format: date-time */
                            to: string;
                            columns: string[];
                            flows: {
                                [key: string]: string | number | null;
                            }[];
                            provisional: {
                                /** Format: date-time */
                                from: string;
                                /** Format: date-time */
                                to: string;
                                refused: boolean;
                            }[];
                            next: string | null;
                            elapsedMs: number;
                            explain?: {
                                sql: string;
                                parameters: {
                                    [key: string]: string;
                                };
                                tables: string[];
                                rowsRead: number;
                                bytesRead: number;
                                elapsedMs: number;
                            }[];
                        };
                    };
                };
                /** @description the client has this answer: if-none-match names its etag */
                304: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content?: never;
                };
                /** @description problem document */
                default: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/problem+json": components["schemas"]["Problem"];
                    };
                };
            };
        };
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/exporters": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Exporters and their health: last seen, received, lost, not decoded */
        get: {
            parameters: {
                query?: {
                    /** @description start; exporters seen since then are listed */
                    from?: string;
                    /** @description end, excluded */
                    to?: string;
                    /** @description ports listed of each exporter at most; only JSON has them */
                    interfaces?: number;
                    /** @description json: everything; the others have the table alone: jsonl (an object a line), csv (RFC 4180), arrow (an Arrow IPC stream), parquet. Unit, window and quality of a table are in the header `hairpin-about`, and in the metadata of arrow and parquet */
                    format?: "json" | "jsonl" | "csv" | "arrow" | "parquet";
                    /** @description csv: lines `# NAME: VALUE` with unit, window and quality before the names of the columns */
                    preamble?: boolean;
                    /** @description adds the statements behind the answer and what each has read; needs the role admin, and format=json */
                    explain?: boolean;
                };
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                /** @description Default Response */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": {
                            /** Format: date-time */
                            from: string;
                            /** Format: date-time */
                            to: string;
                            exporters: {
                                exporter: string;
                                observationDomain: number;
                                protocol: string;
                                /** Format: date-time */
                                lastSeen: string;
                                silent: boolean;
                                samplingRate: number | null;
                                recordsPerSecond: number;
                                datagrams: number;
                                datagramBytes: number;
                                records: number;
                                lost: number;
                                /** @enum {unknown} */
                                lostUnit: "records" | "datagrams";
                                lossRatio: number | null;
                                restarts: number;
                                templates: number;
                                unknownTemplateSets: number;
                                waitingSets: number;
                                lostSets: number;
                                malformedSets: number;
                                unknownRateRecords: number;
                                rateChanges: number;
                                /** @enum {unknown} */
                                clock: "unknown" | "steady" | "unsteady";
                                clockSkewMs: number | null;
                                clashes: number;
                                facts: number;
                                interfaces: {
                                    ifIndex: number;
                                    name: string;
                                }[];
                            }[];
                            live: number;
                            silent: number;
                            storedUntil: string | null;
                            waiting: number | null;
                            receiving: {
                                udpPorts: number[];
                                udpHost: string;
                                protocols: string;
                                templateProtocols: string;
                            };
                            inventory: boolean;
                            applications: boolean;
                            elapsedMs: number;
                            explain?: {
                                sql: string;
                                parameters: {
                                    [key: string]: string;
                                };
                                tables: string[];
                                rowsRead: number;
                                bytesRead: number;
                                elapsedMs: number;
                            }[];
                        };
                    };
                };
                /** @description problem document */
                default: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/problem+json": components["schemas"]["Problem"];
                    };
                };
            };
        };
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/coverage": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** What is seen, what is not, and why */
        get: {
            parameters: {
                query?: {
                    /** @description start: RFC 3339, `now`, `now-15m` (s m h d w), or a day (`2026-01-31`: its midnight in the zone of the calendar) */
                    from?: string;
                    /** @description end, excluded */
                    to?: string;
                    /** @description only blind spots of this host, by id or name */
                    host?: string;
                    /** @description only those of VMs of this name or glob */
                    vm?: string;
                    /** @description blind spots reported, the largest first */
                    limit?: number;
                    /** @description invisible VM pairs listed */
                    pairs?: number;
                    /** @description ports compared with their counters, those that agree least first */
                    ports?: number;
                    /** @description json: everything; the others have the table alone: jsonl (an object a line), csv (RFC 4180), arrow (an Arrow IPC stream), parquet. Unit, window and quality of a table are in the header `hairpin-about`, and in the metadata of arrow and parquet */
                    format?: "json" | "jsonl" | "csv" | "arrow" | "parquet";
                    /** @description csv: lines `# NAME: VALUE` with unit, window and quality before the names of the columns */
                    preamble?: boolean;
                    /** @description adds the statements behind the answer and what each has read; needs the role admin, and format=json */
                    explain?: boolean;
                };
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                /** @description Default Response */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": {
                            /** Format: date-time */
                            from: string;
                            /** Format: date-time */
                            to: string;
                            coverage: number | null;
                            states: {
                                found: number;
                                examined: number;
                            } | null;
                            doubtful: boolean;
                            inventoryAsOf: string | null;
                            vms: number | null;
                            pairs: number | null;
                            invisiblePairs: number | null;
                            byReason: {
                                [key: string]: number;
                            } | null;
                            spots: {
                                /** @enum {unknown} */
                                reason: "veb" | "relay-not-operational" | "vswitch-not-metered" | "no-access-port" | "not-metered" | "exporter-silent";
                                site: string;
                                rack: string;
                                host: string;
                                vswitch: string;
                                segment: string;
                                vms: number;
                                pairs: number;
                                /** Format: date-time */
                                since: string;
                                sinceOrEarlier: boolean;
                                ports: {
                                    switch: string;
                                    ifIndex: number;
                                    name: string;
                                }[];
                                remedies: string[];
                            }[];
                            spotCount: number;
                            invisible: {
                                src: string;
                                dst: string;
                                /** @enum {unknown} */
                                reason: "veb" | "relay-not-operational" | "vswitch-not-metered" | "no-access-port" | "not-metered" | "exporter-silent";
                                host: string;
                                /** Format: date-time */
                                since: string;
                            }[];
                            exporters: {
                                silent: string[];
                                unseen: string[];
                                unregistered: string[];
                                withoutTemplate: string[];
                                withoutRate: string[];
                                lossy: string[];
                            };
                            lossRatio: number | null;
                            unknownRateShare: number | null;
                            unknownErrorShare: number | null;
                            unclassifiedByReason: {
                                [key: string]: number;
                            } | null;
                            ports: {
                                exporter: string;
                                ifIndex: number;
                                host: string;
                                /** @enum {unknown} */
                                direction: "ingress" | "egress";
                                minutes: number;
                                countedBytes: number;
                                octets: number;
                                ratio: number | null;
                                agrees: boolean | null;
                            }[] | null;
                            provisional: {
                                /** Format: date-time */
                                from: string;
                                /** Format: date-time */
                                to: string;
                                refused: boolean;
                            }[];
                            elapsedMs: number;
                            explain?: {
                                sql: string;
                                parameters: {
                                    [key: string]: string;
                                };
                                tables: string[];
                                rowsRead: number;
                                bytesRead: number;
                                elapsedMs: number;
                            }[];
                        };
                    };
                };
                /** @description problem document */
                default: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/problem+json": components["schemas"]["Problem"];
                    };
                };
            };
        };
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/events": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Events seen in flows: moves before the inventory reports them, MAC conflicts */
        get: {
            parameters: {
                query?: {
                    /** @description start: RFC 3339, `now`, `now-15m` (s m h d w) */
                    from?: string;
                    /** @description end, excluded */
                    to?: string;
                    /** @description events of this kind only */
                    kind?: "move" | "mac-conflict";
                    /** @description events listed, the newest first */
                    limit?: number;
                    /** @description json: everything; the others have the table alone: jsonl (an object a line), csv (RFC 4180), arrow (an Arrow IPC stream), parquet. Unit, window and quality of a table are in the header `hairpin-about`, and in the metadata of arrow and parquet */
                    format?: "json" | "jsonl" | "csv" | "arrow" | "parquet";
                    /** @description csv: lines `# NAME: VALUE` with unit, window and quality before the names of the columns */
                    preamble?: boolean;
                    /** @description adds the statements behind the answer and what each has read; needs the role admin, and format=json */
                    explain?: boolean;
                };
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                /** @description Default Response */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": {
                            from: string;
                            to: string;
                            events: {
                                /** @enum {string} */
                                kind: "move" | "mac-conflict";
                                mac: string;
                                at: string;
                                lastSeen: string;
                                detectedAt: string;
                                confirmedAt: string | null;
                                vmKey: string;
                                vm: string;
                                fromHost: string;
                                fromExporter: string;
                                fromIfIndex: number;
                                toExporter: string;
                                toIfIndex: number;
                                toHost: string;
                            }[];
                            elapsedMs: number;
                            explain?: {
                                sql: string;
                                parameters: {
                                    [key: string]: string;
                                };
                                tables: string[];
                                rowsRead: number;
                                bytesRead: number;
                                elapsedMs: number;
                            }[];
                        };
                    };
                };
                /** @description problem document */
                default: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/problem+json": components["schemas"]["Problem"];
                    };
                };
            };
        };
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/filters/complete": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** What may stand at a place of a filter */
        get: {
            parameters: {
                query?: {
                    /** @description a filter, whole or in part; what is behind the position need not be one */
                    filter?: string;
                    /** @description the cursor, in UTF-16 code units from the start; left out: the end of the text */
                    position?: number;
                    /** @description items listed */
                    limit?: number;
                };
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                /** @description Default Response */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": {
                            position: number;
                            expected: string[];
                            items: {
                                text: string;
                                /** @enum {unknown} */
                                kind: "column" | "operator" | "value" | "word";
                                from: number;
                                to: number;
                            }[];
                            more: boolean;
                            elapsedMs: number;
                        };
                    };
                };
                /** @description problem document */
                default: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/problem+json": components["schemas"]["Problem"];
                    };
                };
            };
        };
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/filters/check": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Whether a text is a filter, and its canonical form */
        get: {
            parameters: {
                query?: {
                    /** @description `src.app in (web, api) and not dst.app = db or service = https`: terms joined by and (`,`), or (`;`) and not, groups in parentheses. = != in, not in and, for numbers, < <= > >= and ranges (`dst.port in 8000-8100`). `app=web` is either end, also `either.app`; `srcApp` is `src.app`. Nodes by name or glob (`web-*`), in any case, or by key; addresses by prefix (`addr in 10.0.0.0/8`); values with `,;|` or parentheses in double quotes. In short `srcApp=web|api,dstApp!=db;service=tcp/443`. docs/FILTERS.md has the whole language */
                    filter?: string;
                };
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                /** @description Default Response */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": {
                            filter: string;
                            columns: string[];
                        };
                    };
                };
                /** @description problem document */
                default: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/problem+json": components["schemas"]["Problem"];
                    };
                };
            };
        };
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/alerts": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Alerts that are firing, pending or resolved, and how their rules were evaluated */
        get: {
            parameters: {
                query?: {
                    /** @description pending, firing, resolved, joined by commas; resolved ones are the history */
                    state?: string;
                    /** @description only alerts of the rule of this name */
                    rule?: string;
                    /** @description alerts listed: firing ones first, then pending, then resolved, the newest first */
                    limit?: number;
                    /** @description alerts left out before the first one listed */
                    offset?: number;
                };
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                /** @description Default Response */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": {
                            alerts: {
                                rule: string;
                                /** @enum {unknown} */
                                state: "pending" | "firing" | "resolved";
                                severity: string;
                                labels: {
                                    [key: string]: string;
                                };
                                annotations: {
                                    [key: string]: string;
                                };
                                value: number | boolean | string | null;
                                /** Format: date-time */
                                since: string;
                                firedAt: string | null;
                                resolvedAt: string | null;
                                ending: string;
                                /** Format: date-time */
                                evaluatedAt: string;
                                unknownSince: string | null;
                                fingerprint: string;
                            }[];
                            count: number;
                            rules: {
                                rule: string;
                                /** Format: date-time */
                                evaluatedAt: string;
                                rows: number;
                                truncated: boolean;
                                error: string;
                            }[];
                        };
                    };
                };
                /** @description problem document */
                default: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/problem+json": components["schemas"]["Problem"];
                    };
                };
            };
        };
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/reenrichments": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** The newest re-enrichment of this process */
        get: {
            parameters: {
                query?: never;
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                /** @description Default Response */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": {
                            running: boolean;
                            dryRun: boolean;
                            days: {
                                day: number;
                                /** @enum {unknown} */
                                outcome: "working" | "done" | "stopped" | "refused" | "previewed";
                                records: number;
                                recordsMax: number;
                                recordsPerS: number;
                                elapsedMs: number;
                                fencedMs: number;
                                detail: string;
                                changes?: {
                                    records: number;
                                    renamed: number;
                                    recounted: number;
                                    bytesMoved: number;
                                };
                                erased?: number;
                            }[];
                            error: string;
                        };
                    };
                };
                /** @description problem document */
                default: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/problem+json": components["schemas"]["Problem"];
                    };
                };
            };
        };
        put?: never;
        /** Apply the current inventory and applications to stored records of whole days, and to their roll-ups */
        post: {
            parameters: {
                query?: never;
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody: {
                content: {
                    "application/json": {
                        from: string;
                        to: string;
                        /** @default false */
                        dryRun: boolean;
                    };
                };
            };
            responses: {
                /** @description Default Response */
                202: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": {
                            running: boolean;
                            dryRun: boolean;
                            days: {
                                day: number;
                                /** @enum {unknown} */
                                outcome: "working" | "done" | "stopped" | "refused" | "previewed";
                                records: number;
                                recordsMax: number;
                                recordsPerS: number;
                                elapsedMs: number;
                                fencedMs: number;
                                detail: string;
                                changes?: {
                                    records: number;
                                    renamed: number;
                                    recounted: number;
                                    bytesMoved: number;
                                };
                                erased?: number;
                            }[];
                            error: string;
                        };
                    };
                };
                /** @description problem document */
                default: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/problem+json": components["schemas"]["Problem"];
                    };
                };
            };
        };
        /** Stop it where nothing is half done; started again, it continues from there */
        delete: {
            parameters: {
                query?: never;
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                /** @description Default Response */
                202: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": {
                            running: boolean;
                            dryRun: boolean;
                            days: {
                                day: number;
                                /** @enum {unknown} */
                                outcome: "working" | "done" | "stopped" | "refused" | "previewed";
                                records: number;
                                recordsMax: number;
                                recordsPerS: number;
                                elapsedMs: number;
                                fencedMs: number;
                                detail: string;
                                changes?: {
                                    records: number;
                                    renamed: number;
                                    recounted: number;
                                    bytesMoved: number;
                                };
                                erased?: number;
                            }[];
                            error: string;
                        };
                    };
                };
                /** @description problem document */
                default: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/problem+json": components["schemas"]["Problem"];
                    };
                };
            };
        };
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/erasures": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** The newest erasure of this process */
        get: {
            parameters: {
                query?: never;
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                /** @description Default Response */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": {
                            running: boolean;
                            dryRun: boolean;
                            days: {
                                day: number;
                                /** @enum {unknown} */
                                outcome: "working" | "done" | "stopped" | "refused" | "previewed";
                                records: number;
                                recordsMax: number;
                                recordsPerS: number;
                                elapsedMs: number;
                                fencedMs: number;
                                detail: string;
                                changes?: {
                                    records: number;
                                    renamed: number;
                                    recounted: number;
                                    bytesMoved: number;
                                };
                                erased?: number;
                            }[];
                            error: string;
                            beside?: {
                                services: number;
                                asExporter: number;
                                documents: number;
                            };
                        };
                    };
                };
                /** @description problem document */
                default: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/problem+json": components["schemas"]["Problem"];
                    };
                };
            };
        };
        put?: never;
        /** Erase an address from the stored records of whole days, and from their roll-ups */
        post: {
            parameters: {
                query?: never;
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody: {
                content: {
                    "application/json": {
                        address: string;
                        from?: string;
                        to?: string;
                        /** @default false */
                        dryRun: boolean;
                    };
                };
            };
            responses: {
                /** @description Default Response */
                202: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": {
                            running: boolean;
                            dryRun: boolean;
                            days: {
                                day: number;
                                /** @enum {unknown} */
                                outcome: "working" | "done" | "stopped" | "refused" | "previewed";
                                records: number;
                                recordsMax: number;
                                recordsPerS: number;
                                elapsedMs: number;
                                fencedMs: number;
                                detail: string;
                                changes?: {
                                    records: number;
                                    renamed: number;
                                    recounted: number;
                                    bytesMoved: number;
                                };
                                erased?: number;
                            }[];
                            error: string;
                            beside?: {
                                services: number;
                                asExporter: number;
                                documents: number;
                            };
                        };
                    };
                };
                /** @description problem document */
                default: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/problem+json": components["schemas"]["Problem"];
                    };
                };
            };
        };
        /** Stop it where nothing is half done; days that are done stay done */
        delete: {
            parameters: {
                query?: never;
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                /** @description Default Response */
                202: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": {
                            running: boolean;
                            dryRun: boolean;
                            days: {
                                day: number;
                                /** @enum {unknown} */
                                outcome: "working" | "done" | "stopped" | "refused" | "previewed";
                                records: number;
                                recordsMax: number;
                                recordsPerS: number;
                                elapsedMs: number;
                                fencedMs: number;
                                detail: string;
                                changes?: {
                                    records: number;
                                    renamed: number;
                                    recounted: number;
                                    bytesMoved: number;
                                };
                                erased?: number;
                            }[];
                            error: string;
                            beside?: {
                                services: number;
                                asExporter: number;
                                documents: number;
                            };
                        };
                    };
                };
                /** @description problem document */
                default: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/problem+json": components["schemas"]["Problem"];
                    };
                };
            };
        };
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/healthz": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** The process runs */
        get: {
            parameters: {
                query?: never;
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                /** @description Default Response */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": {
                            ok: boolean;
                            dependencies: {
                                name: string;
                                ok: boolean;
                                detail: string;
                            }[];
                        };
                    };
                };
                /** @description problem document */
                default: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/problem+json": components["schemas"]["Problem"];
                    };
                };
            };
        };
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/readyz": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Everything it depends on is there */
        get: {
            parameters: {
                query?: never;
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                /** @description Default Response */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": {
                            ok: boolean;
                            dependencies: {
                                name: string;
                                ok: boolean;
                                detail: string;
                            }[];
                        };
                    };
                };
                /** @description Default Response */
                503: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": {
                            ok: boolean;
                            dependencies: {
                                name: string;
                                ok: boolean;
                                detail: string;
                            }[];
                        };
                    };
                };
                /** @description problem document */
                default: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/problem+json": components["schemas"]["Problem"];
                    };
                };
            };
        };
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/metrics": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Prometheus text */
        get: {
            parameters: {
                query?: never;
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                /** @description Default Response */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "text/plain": string;
                    };
                };
                /** @description problem document */
                default: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/problem+json": components["schemas"]["Problem"];
                    };
                };
            };
        };
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/applications": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** The active applications document, and its versions */
        get: {
            parameters: {
                query?: {
                    /** @description an older version */
                    version?: string;
                };
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                /** @description Default Response */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": {
                            version: string | null;
                            source: string | null;
                            document: unknown;
                            warnings: {
                                path: string;
                                message: string;
                            }[];
                            versions: {
                                /** Format: date-time */
                                version: string;
                                source: string;
                                applications: number;
                                bytes: number;
                            }[];
                        };
                    };
                };
                /** @description problem document */
                default: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/problem+json": components["schemas"]["Problem"];
                    };
                };
            };
        };
        /** Replace the active applications document, or report what it would change */
        put: {
            parameters: {
                query?: {
                    /** @description report what would change; record nothing */
                    preview?: boolean;
                    /** @description the version that must be the active one, or nothing is recorded */
                    replaces?: string;
                    /** @description start of the traffic examined */
                    from?: string;
                    /** @description end, excluded */
                    to?: string;
                };
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody: {
                content: {
                    "application/json": Record<string, never>;
                    "application/yaml": Record<string, never>;
                };
            };
            responses: {
                /** @description Default Response */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": {
                            /** @enum {unknown} */
                            outcome: "recorded" | "unchanged";
                            /** Format: date-time */
                            version: string;
                            applications: number;
                            warnings: {
                                path: string;
                                message: string;
                            }[];
                        } | {
                            /** Format: date-time */
                            from: string;
                            /** Format: date-time */
                            to: string;
                            bytes: number;
                            examinedShare: number | null;
                            conversations: number;
                            movedShare: number | null;
                            serviceMovedShare: number | null;
                            unclassifiedShare: {
                                before: number | null;
                                after: number | null;
                            };
                            moves: {
                                before: {
                                    key: string;
                                    name: string;
                                };
                                after: {
                                    key: string;
                                    name: string;
                                };
                                bytes: number;
                                share: number;
                            }[];
                            cells: {
                                before: {
                                    src: {
                                        key: string;
                                        name: string;
                                    };
                                    dst: {
                                        key: string;
                                        name: string;
                                    };
                                };
                                after: {
                                    src: {
                                        key: string;
                                        name: string;
                                    };
                                    dst: {
                                        key: string;
                                        name: string;
                                    };
                                };
                                bytes: number;
                                share: number;
                            }[];
                            applications: {
                                id: string;
                                key: string;
                                name: string;
                                path: string | null;
                                before: number;
                                after: number;
                                gained: number;
                                lost: number;
                            }[];
                            warnings: {
                                path: string;
                                message: string;
                            }[];
                            elapsedMs: number;
                        };
                    };
                };
                /** @description problem document */
                default: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/problem+json": components["schemas"]["Problem"];
                    };
                };
            };
        };
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/applications/preview": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** What a document would change: bytes that move from node to node */
        post: {
            parameters: {
                query?: {
                    /** @description start of the traffic examined */
                    from?: string;
                    /** @description end, excluded */
                    to?: string;
                };
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody: {
                content: {
                    "application/json": Record<string, never>;
                    "application/yaml": Record<string, never>;
                };
            };
            responses: {
                /** @description Default Response */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": {
                            /** Format: date-time */
                            from: string;
                            /** Format: date-time */
                            to: string;
                            bytes: number;
                            examinedShare: number | null;
                            conversations: number;
                            movedShare: number | null;
                            serviceMovedShare: number | null;
                            unclassifiedShare: {
                                before: number | null;
                                after: number | null;
                            };
                            moves: {
                                before: {
                                    key: string;
                                    name: string;
                                };
                                after: {
                                    key: string;
                                    name: string;
                                };
                                bytes: number;
                                share: number;
                            }[];
                            cells: {
                                before: {
                                    src: {
                                        key: string;
                                        name: string;
                                    };
                                    dst: {
                                        key: string;
                                        name: string;
                                    };
                                };
                                after: {
                                    src: {
                                        key: string;
                                        name: string;
                                    };
                                    dst: {
                                        key: string;
                                        name: string;
                                    };
                                };
                                bytes: number;
                                share: number;
                            }[];
                            applications: {
                                id: string;
                                key: string;
                                name: string;
                                path: string | null;
                                before: number;
                                after: number;
                                gained: number;
                                lost: number;
                            }[];
                            warnings: {
                                path: string;
                                message: string;
                            }[];
                            elapsedMs: number;
                        };
                    };
                };
                /** @description problem document */
                default: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/problem+json": components["schemas"]["Problem"];
                    };
                };
            };
        };
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/applications/suggestions": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** The largest automatic nodes and services as rules ready to use */
        get: {
            parameters: {
                query?: {
                    /** @description start of the traffic examined */
                    from?: string;
                    /** @description end, excluded */
                    to?: string;
                    limit?: number;
                };
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                /** @description Default Response */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": {
                            from: string;
                            to: string;
                            nodes: {
                                node: {
                                    key: string;
                                    name: string;
                                };
                                bytes: number;
                                share: number;
                                rule: unknown;
                                about: string;
                            }[];
                            services: {
                                node: {
                                    key: string;
                                    name: string;
                                };
                                bytes: number;
                                share: number;
                                rule: unknown;
                                about: string;
                            }[];
                        };
                    };
                };
                /** @description problem document */
                default: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/problem+json": components["schemas"]["Problem"];
                    };
                };
            };
        };
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/applications/adopt": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Turn an automatic node into an application, the last of the document
         * @description Body: `{"node": "auto:lab"}`, with `id`, `name` and `ports` in place of the suggested ones
         */
        post: {
            parameters: {
                query?: {
                    /** @description report what would change; record nothing */
                    preview?: boolean;
                    /** @description the version that must be the active one, or nothing is recorded */
                    replaces?: string;
                    /** @description start of the traffic examined */
                    from?: string;
                    /** @description end, excluded */
                    to?: string;
                };
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody: {
                content: {
                    "application/json": Record<string, never>;
                    "application/yaml": Record<string, never>;
                };
            };
            responses: {
                /** @description Default Response */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": {
                            /** @enum {unknown} */
                            outcome: "recorded" | "unchanged";
                            /** Format: date-time */
                            version: string;
                            applications: number;
                            warnings: {
                                path: string;
                                message: string;
                            }[];
                        } | {
                            /** Format: date-time */
                            from: string;
                            /** Format: date-time */
                            to: string;
                            bytes: number;
                            examinedShare: number | null;
                            conversations: number;
                            movedShare: number | null;
                            serviceMovedShare: number | null;
                            unclassifiedShare: {
                                before: number | null;
                                after: number | null;
                            };
                            moves: {
                                before: {
                                    key: string;
                                    name: string;
                                };
                                after: {
                                    key: string;
                                    name: string;
                                };
                                bytes: number;
                                share: number;
                            }[];
                            cells: {
                                before: {
                                    src: {
                                        key: string;
                                        name: string;
                                    };
                                    dst: {
                                        key: string;
                                        name: string;
                                    };
                                };
                                after: {
                                    src: {
                                        key: string;
                                        name: string;
                                    };
                                    dst: {
                                        key: string;
                                        name: string;
                                    };
                                };
                                bytes: number;
                                share: number;
                            }[];
                            applications: {
                                id: string;
                                key: string;
                                name: string;
                                path: string | null;
                                before: number;
                                after: number;
                                gained: number;
                                lost: number;
                            }[];
                            warnings: {
                                path: string;
                                message: string;
                            }[];
                            elapsedMs: number;
                        };
                    };
                };
                /** @description problem document */
                default: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/problem+json": components["schemas"]["Problem"];
                    };
                };
            };
        };
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/applications/discover": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Applications that the VMs without one may belong to, with what speaks for each */
        get: {
            parameters: {
                query?: {
                    /** @description start of the traffic examined */
                    from?: string;
                    /** @description end, excluded */
                    to?: string;
                    /** @description suggestions listed */
                    limit?: number;
                    /** @description names listed of each */
                    members?: number;
                };
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                /** @description Default Response */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": {
                            from: string;
                            to: string;
                            suggestions: {
                                id: string;
                                rule: unknown;
                                vms: number;
                                members: string[];
                                supports: ("names" | "tag" | "portGroup" | "folder" | "traffic")[];
                                evidence: string[];
                                services: string[];
                                bytes: number | null;
                            }[];
                            suggestionCount: number | null;
                            vms: number | null;
                            unclaimed: number | null;
                            trafficCut: boolean;
                            inventoryAsOf: string | null;
                        };
                    };
                };
                /** @description problem document */
                default: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/problem+json": components["schemas"]["Problem"];
                    };
                };
            };
        };
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/applications/discover/adopt": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Turn a discovered application into the last one of the document
         * @description Body: `{"suggestion": "shop"}`, the id of a suggestion of the same window, with `id`, `name` and `ports` in place of the suggested ones
         */
        post: {
            parameters: {
                query?: {
                    /** @description report what would change; record nothing */
                    preview?: boolean;
                    /** @description the version that must be the active one, or nothing is recorded */
                    replaces?: string;
                    /** @description start of the traffic examined */
                    from?: string;
                    /** @description end, excluded */
                    to?: string;
                };
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody: {
                content: {
                    "application/json": Record<string, never>;
                    "application/yaml": Record<string, never>;
                };
            };
            responses: {
                /** @description Default Response */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": {
                            /** @enum {unknown} */
                            outcome: "recorded" | "unchanged";
                            /** Format: date-time */
                            version: string;
                            applications: number;
                            warnings: {
                                path: string;
                                message: string;
                            }[];
                        } | {
                            /** Format: date-time */
                            from: string;
                            /** Format: date-time */
                            to: string;
                            bytes: number;
                            examinedShare: number | null;
                            conversations: number;
                            movedShare: number | null;
                            serviceMovedShare: number | null;
                            unclassifiedShare: {
                                before: number | null;
                                after: number | null;
                            };
                            moves: {
                                before: {
                                    key: string;
                                    name: string;
                                };
                                after: {
                                    key: string;
                                    name: string;
                                };
                                bytes: number;
                                share: number;
                            }[];
                            cells: {
                                before: {
                                    src: {
                                        key: string;
                                        name: string;
                                    };
                                    dst: {
                                        key: string;
                                        name: string;
                                    };
                                };
                                after: {
                                    src: {
                                        key: string;
                                        name: string;
                                    };
                                    dst: {
                                        key: string;
                                        name: string;
                                    };
                                };
                                bytes: number;
                                share: number;
                            }[];
                            applications: {
                                id: string;
                                key: string;
                                name: string;
                                path: string | null;
                                before: number;
                                after: number;
                                gained: number;
                                lost: number;
                            }[];
                            warnings: {
                                path: string;
                                message: string;
                            }[];
                            elapsedMs: number;
                        };
                    };
                };
                /** @description problem document */
                default: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/problem+json": components["schemas"]["Problem"];
                    };
                };
            };
        };
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/inventory/snapshots": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Snapshots of each inventory source, with their times */
        get: {
            parameters: {
                query?: {
                    /** @description versions listed of each source */
                    limit?: number;
                };
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                /** @description Default Response */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": {
                            sources: {
                                source: string;
                                /** Format: date-time */
                                confirmedUntil: string;
                                stale: boolean;
                                versions: {
                                    /** Format: date-time */
                                    asOf: string;
                                    /** Format: date-time */
                                    recordedAt: string;
                                    bytes: number;
                                    complete: string[];
                                    counts: {
                                        sites: number;
                                        racks: number;
                                        segments: number;
                                        switches: number;
                                        hosts: number;
                                        vms: number;
                                        endpoints: number;
                                    };
                                }[];
                            }[];
                        };
                    };
                };
                /** @description problem document */
                default: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/problem+json": components["schemas"]["Problem"];
                    };
                };
            };
        };
        /** Send an inventory snapshot (JSON or YAML; gzip with Content-Encoding: gzip) */
        put: {
            parameters: {
                query?: {
                    /** @description take a state of the past: one as of a time for which the source has reported another, or a later one, already */
                    correction?: boolean;
                };
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody: {
                content: {
                    "application/json": Record<string, never>;
                    "application/yaml": Record<string, never>;
                };
            };
            responses: {
                /** @description Default Response */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": {
                            /** @enum {unknown} */
                            outcome: "recorded" | "confirmed" | "known";
                            source: string;
                            /** Format: date-time */
                            asOf: string;
                            /** Format: date-time */
                            recordedAt: string;
                            complete: string[];
                            counts: {
                                sites: number;
                                racks: number;
                                segments: number;
                                switches: number;
                                hosts: number;
                                vms: number;
                                endpoints: number;
                            };
                            warnings: {
                                path: string;
                                message: string;
                            }[];
                        };
                    };
                };
                /** @description Default Response */
                201: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": {
                            /** @enum {unknown} */
                            outcome: "recorded" | "confirmed" | "known";
                            source: string;
                            /** Format: date-time */
                            asOf: string;
                            /** Format: date-time */
                            recordedAt: string;
                            complete: string[];
                            counts: {
                                sites: number;
                                racks: number;
                                segments: number;
                                switches: number;
                                hosts: number;
                                vms: number;
                                endpoints: number;
                            };
                            warnings: {
                                path: string;
                                message: string;
                            }[];
                        };
                    };
                };
                /** @description problem document */
                default: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/problem+json": components["schemas"]["Problem"];
                    };
                };
            };
        };
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/exporters/registry": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** The exporter registry */
        get: {
            parameters: {
                query?: never;
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                /** @description Default Response */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": {
                            recordedAt: string | null;
                            source: string;
                            registry: {
                                [key: string]: unknown;
                            };
                        };
                    };
                };
                /** @description problem document */
                default: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/problem+json": components["schemas"]["Problem"];
                    };
                };
            };
        };
        /** The exporter registry, replaced whole (JSON or YAML) */
        put: {
            parameters: {
                query?: never;
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody: {
                content: {
                    "application/json": Record<string, never>;
                    "application/yaml": Record<string, never>;
                };
            };
            responses: {
                /** @description Default Response */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": {
                            /** @enum {unknown} */
                            outcome: "recorded" | "known";
                            exporters: number;
                            ports: number;
                            warnings: {
                                path: string;
                                message: string;
                            }[];
                        };
                    };
                };
                /** @description Default Response */
                201: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": {
                            /** @enum {unknown} */
                            outcome: "recorded" | "known";
                            exporters: number;
                            ports: number;
                            warnings: {
                                path: string;
                                message: string;
                            }[];
                        };
                    };
                };
                /** @description problem document */
                default: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/problem+json": components["schemas"]["Problem"];
                    };
                };
            };
        };
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/exporters/suggestions": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Roles of ports, suggested by cabling and by the MACs seen as source */
        get: {
            parameters: {
                query?: {
                    /** @description start of the records examined: RFC 3339 or `now-15m`, at most a day */
                    since?: string;
                    /** @description addresses joined by commas; left out: every one */
                    exporter?: string;
                };
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                /** @description Default Response */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": {
                            document: {
                                [key: string]: unknown;
                            };
                            evidence: {
                                exporter: string;
                                ifIndex: number;
                                role: string;
                                /** @enum {unknown} */
                                by: "cabling" | "macs";
                                detail: string;
                                stated?: string;
                            }[];
                        };
                    };
                };
                /** @description problem document */
                default: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/problem+json": components["schemas"]["Problem"];
                    };
                };
            };
        };
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/exporters/suggestions/confirm": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Add the suggestions to the registry */
        post: {
            parameters: {
                query?: {
                    /** @description start of the records examined: RFC 3339 or `now-15m`, at most a day */
                    since?: string;
                    /** @description addresses joined by commas; left out: every one */
                    exporter?: string;
                };
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                /** @description Default Response */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": {
                            /** @enum {unknown} */
                            outcome: "recorded" | "known";
                            exporters: number;
                            ports: number;
                            warnings: {
                                path: string;
                                message: string;
                            }[];
                        };
                    };
                };
                /** @description Default Response */
                201: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": {
                            /** @enum {unknown} */
                            outcome: "recorded" | "known";
                            exporters: number;
                            ports: number;
                            warnings: {
                                path: string;
                                message: string;
                            }[];
                        };
                    };
                };
                /** @description problem document */
                default: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/problem+json": components["schemas"]["Problem"];
                    };
                };
            };
        };
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/documents/check": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Check a document against the active ones, and store nothing (JSON or YAML) */
        post: {
            parameters: {
                query: {
                    /** @description what the document is */
                    kind: "inventory" | "exporters" | "applications" | "alerts";
                };
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                /** @description Default Response */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": {
                            /** @enum {unknown} */
                            kind: "inventory" | "exporters" | "applications" | "alerts";
                            source: string;
                            activeSince: string | null;
                            differences: {
                                kind: string;
                                added: number;
                                changed: number;
                                ended: number;
                                names: {
                                    added: string[];
                                    changed: string[];
                                    ended: string[];
                                };
                            }[];
                            missing: {
                                path: string;
                                message: string;
                                /** @enum {unknown} */
                                kind: "sites" | "racks" | "segments" | "switches" | "hosts";
                                id: string;
                            }[];
                            warnings: {
                                path: string;
                                message: string;
                            }[];
                        };
                    };
                };
                /** @description problem document */
                default: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/problem+json": components["schemas"]["Problem"];
                    };
                };
            };
        };
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/inventory": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** What the inventory says holds at a time */
        get: {
            parameters: {
                query?: {
                    /** @description RFC 3339, `now`, `now-15m` */
                    at?: string;
                    /** @description list the entities of this kind */
                    kind?: "sites" | "racks" | "segments" | "switches" | "hosts" | "vms" | "endpoints";
                    /** @description glob over id and name, in any case */
                    name?: string;
                    /** @description VMs on this host, by id */
                    host?: string;
                    /** @description entities listed */
                    limit?: number;
                };
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                /** @description Default Response */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": {
                            /** Format: date-time */
                            at: string;
                            counts: {
                                sites: number;
                                racks: number;
                                segments: number;
                                switches: number;
                                hosts: number;
                                vms: number;
                                endpoints: number;
                            };
                            sources: {
                                source: string;
                                asOf: string;
                                recordedAt: string;
                            }[];
                            entities?: {
                                source: string;
                                entity: unknown;
                            }[];
                            more?: boolean;
                        };
                    };
                };
                /** @description problem document */
                default: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/problem+json": components["schemas"]["Problem"];
                    };
                };
            };
        };
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/alerts/rules": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** The active alert rules, and their versions */
        get: {
            parameters: {
                query?: {
                    /** @description an older version */
                    version?: string;
                };
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                /** @description Default Response */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": {
                            version: string | null;
                            versions: {
                                /** Format: date-time */
                                version: string;
                                source: string;
                                rules: number;
                                bytes: number;
                            }[];
                            document: {
                                [key: string]: unknown;
                            };
                        };
                    };
                };
                /** @description problem document */
                default: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/problem+json": components["schemas"]["Problem"];
                    };
                };
            };
        };
        /** The alert rules, replaced whole (JSON or YAML) */
        put: {
            parameters: {
                query?: {
                    /** @description the version that must be the active one, or nothing is recorded */
                    replaces?: string;
                };
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody: {
                content: {
                    "application/json": Record<string, never>;
                    "application/yaml": Record<string, never>;
                };
            };
            responses: {
                /** @description Default Response */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": {
                            /** @enum {unknown} */
                            outcome: "recorded" | "unchanged";
                            /** Format: date-time */
                            version: string;
                            rules: number;
                        };
                    };
                };
                /** @description Default Response */
                201: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": {
                            /** @enum {unknown} */
                            outcome: "recorded" | "unchanged";
                            /** Format: date-time */
                            version: string;
                            rules: number;
                        };
                    };
                };
                /** @description problem document */
                default: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/problem+json": components["schemas"]["Problem"];
                    };
                };
            };
        };
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
}
export type webhooks = Record<string, never>;
export interface components {
    schemas: {
        /** @description RFC 9457 problem document */
        Problem: {
            /** @description stable name of the kind of problem */
            type: string;
            /** @description phrase of the HTTP status */
            title: string;
            status: number;
            detail: string;
            parameters?: {
                parameter: string;
                reason: string;
                /** @description of a filter: where in its text, in UTF-16 code units */
                position?: number;
                /** @description how much of the text is at fault; 0 at its end */
                length?: number;
                /** @description what may stand there */
                allowed?: string[];
            }[];
            /** @description of a request that would read too much */
            reads?: {
                /** @description rows that it would read, estimated from the primary index */
                rows: number;
                /** @description rows that a statement may read (--query-rows-max) */
                rowsMax: number;
            };
            /** @description what would make the request small enough */
            remedies?: string[];
            /** @description every fault of a document that is refused; paths are JSON pointers into it */
            faults?: {
                path: string;
                message: string;
                line?: number;
            }[];
        };
    };
    responses: never;
    parameters: never;
    requestBodies: never;
    headers: never;
    pathItems: never;
}
export type $defs = Record<string, never>;
export type operations = Record<string, never>;
