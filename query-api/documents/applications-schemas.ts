// Parameters, bodies and answers of the routes of the applications document.

import { type Static, Type } from 'typebox';
import { DocumentWarning } from '../../schemas/applications-preview.ts';
import { SUPPORTS } from '../../schemas/coverage.ts';
import { documentChecker } from '../../schemas/documents.ts';
import { closed, NullableNumber, NullableTime } from '../answers/answers.ts';
import { recordedAnswer, replaces, versionParameters } from './versions.ts';

const SUGGESTIONS_MAX = 100;

export const Version = Type.Object(
  {
    version: Type.String({ format: 'date-time', description: 'when it was recorded' }),
    source: Type.String({ description: '`api`, or the file it came from' }),
    applications: Type.Integer(),
    bytes: Type.Integer(),
  },
  closed,
);
const window = {
  from: Type.String({ default: 'now-1h', maxLength: 64, description: 'start of the traffic examined' }),
  to: Type.String({ default: 'now', maxLength: 64, description: 'end, excluded' }),
};
export const GetParameters = Type.Object(versionParameters, closed);
export const PutParameters = Type.Object(
  {
    preview: Type.Boolean({ default: false, description: 'report what would change; record nothing' }),
    replaces,
    ...window,
  },
  closed,
);
export const WindowParameters = Type.Object(window, closed);
export const SuggestionsParameters = Type.Object(
  { ...window, limit: Type.Integer({ default: 20, minimum: 1, maximum: SUGGESTIONS_MAX }) },
  closed,
);
export const ApplicationsAnswer = Type.Object(
  {
    version: Type.Union([Type.String(), Type.Null()], { description: 'null: none was ever recorded' }),
    source: Type.Union([Type.String(), Type.Null()]),
    document: Type.Unknown({ description: 'the document, whole' }),
    warnings: Type.Array(DocumentWarning),
    versions: Type.Array(Version, { description: 'the newest first' }),
  },
  closed,
);
export const PutAnswer = Type.Object(
  {
    ...recordedAnswer,
    applications: Type.Integer(),
    warnings: Type.Array(DocumentWarning),
  },
  closed,
);
const Rule = Type.Unknown({ description: 'an application, as the document holds it; null where no selector fits' });
const SuggestionAnswer = Type.Object(
  {
    node: Type.Object({ key: Type.String(), name: Type.String() }, closed),
    bytes: Type.Number(),
    share: Type.Number({ description: 'share of the bytes of the window with this node at an end' }),
    rule: Rule,
    about: Type.String(),
  },
  closed,
);
export const SuggestionsAnswer = Type.Object(
  {
    from: Type.String(),
    to: Type.String(),
    nodes: Type.Array(SuggestionAnswer, { description: 'automatic nodes, the largest first' }),
    services: Type.Array(SuggestionAnswer, { description: 'services of automatic nodes, the largest first' }),
  },
  closed,
);

const discoverWindow = {
  from: Type.String({ default: 'now-24h', maxLength: 64, description: 'start of the traffic examined' }),
  to: Type.String({ default: 'now', maxLength: 64, description: 'end, excluded' }),
};
export const DiscoverParameters = Type.Object(
  {
    ...discoverWindow,
    limit: Type.Integer({ default: 20, minimum: 1, maximum: 200, description: 'suggestions listed' }),
    members: Type.Integer({ default: 20, minimum: 0, maximum: 1000, description: 'names listed of each' }),
  },
  closed,
);
export const DiscoverAdoptParameters = Type.Object({ ...PutParameters.properties, ...discoverWindow }, closed);
const Discovered = Type.Object(
  {
    id: Type.String({ description: 'what to adopt it by; no application has it' }),
    rule: Rule,
    vms: Type.Integer(),
    members: Type.Array(Type.String(), { description: 'names of VMs' }),
    supports: Type.Array(Type.Enum([...SUPPORTS] as unknown as typeof SUPPORTS), {
      description: 'what speaks for it; the more, the surer',
    }),
    evidence: Type.Array(Type.String(), { description: 'the same in sentences' }),
    services: Type.Array(Type.String(), { description: 'that its members serve, the largest first' }),
    bytes: NullableNumber('that its members exchanged; null where it is not known of them alone'),
  },
  closed,
);
export const DiscoverAnswer = Type.Object(
  {
    from: Type.String(),
    to: Type.String(),
    suggestions: Type.Array(Discovered, { description: 'those that most speaks for first; no VM is in two' }),
    suggestionCount: Type.Union([Type.Integer(), Type.Null()], { description: 'null without inventory' }),
    vms: Type.Union([Type.Integer(), Type.Null()], { description: 'running VMs; null without inventory' }),
    unclaimed: Type.Union([Type.Integer(), Type.Null()], { description: 'those that no application has' }),
    trafficCut: Type.Boolean({ description: 'of more traffic than is examined the smallest was left out' }),
    inventoryAsOf: NullableTime('asOf of the inventory'),
  },
  closed,
);
export type DiscoverParameters = Static<typeof DiscoverParameters>;
export type DiscoverAnswer = Static<typeof DiscoverAnswer>;

const DiscoverAdoption = Type.Object(
  {
    /** Id of a suggestion. */
    suggestion: Type.String({ minLength: 1, maxLength: 255 }),
    id: Type.Optional(Type.String({ minLength: 1, maxLength: 255 })),
    name: Type.Optional(Type.String({ maxLength: 255 })),
    ports: Type.Optional(Type.Array(Type.String())),
  },
  closed,
);
export const discoverAdoptionChecker = documentChecker(DiscoverAdoption);

export type GetParameters = Static<typeof GetParameters>;
export type PutParameters = Static<typeof PutParameters>;
export type WindowParameters = Static<typeof WindowParameters>;
export type SuggestionsParameters = Static<typeof SuggestionsParameters>;
export type PutAnswer = Static<typeof PutAnswer>;
export type Version = Static<typeof Version>;

export const Adoption = Type.Object(
  {
    /** Key or name of an automatic node. */
    node: Type.String({ minLength: 1, maxLength: 300 }),
    id: Type.Optional(Type.String({ minLength: 1, maxLength: 255 })),
    name: Type.Optional(Type.String({ maxLength: 255 })),
    ports: Type.Optional(Type.Array(Type.String())),
  },
  closed,
);
export type Adoption = Static<typeof Adoption>;
export const adoptionChecker = documentChecker(Adoption);
