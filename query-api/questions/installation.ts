// What the process of the API knows of collectors and enrichers, for the page that explains where to point an exporter.

/** What `hairpin start` states of collector and enricher, which run in its process. */
export interface Installation {
  readonly receiving: { readonly udpPorts: number[]; readonly udpHost: string };
  /** Whether an inventory document, and an applications document, is configured. */
  readonly inventory: boolean;
  readonly applications: boolean;
}

/** Collectors and enrichers are other processes. */
export const UNKNOWN_INSTALLATION: Installation = {
  receiving: { udpPorts: [], udpHost: '' },
  inventory: false,
  applications: false,
};
