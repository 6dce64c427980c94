// The sFlow agents a decoder knows, by agent address and sub-agent: an agent may send from any address. Where several report
// one agent address (shared-agent.ts), each is known by its source address as well, and its rows have that. Agents are
// bounded as sessions are, and so are the addresses that are shared.

import { formatAddress, wordsOfRow } from '../../../schemas/address.ts';
import { Domain, type TemplateCount } from './domain.ts';
import type { RefusedSources } from './refused-sources.ts';
import { CLAIM as ADMISSION, RENEW_MS, Roster } from './roster.ts';
import { AGENT_PORT } from './sequence-record.ts';
import type { SequenceTrack } from './sequence-track.ts';
import { CLAIM, Claims } from './shared-agent.ts';

/** The session that a datagram came in. */
interface Session {
  readonly addressText: string;
  readonly address: Uint32Array;
  readonly templateCount: TemplateCount;
  last: Domain | undefined;
}

export class AgentTable {
  readonly #byKey = new Map<string, Domain>();
  readonly #agents: Roster<Domain>;
  readonly #agentsMax: number;
  readonly #silentMs: number;
  readonly #sequences: SequenceTrack;
  readonly #refused: RefusedSources;
  readonly #retire: (agent: Domain) => void;
  /** Keys of agent addresses that are shared, and when they were last in use. */
  readonly #shared = new Map<string, number>();
  /** What the datagram at hand is, a CLAIM. */
  #claim: number = CLAIM.one;
  evicted = 0;
  /** Agent addresses that were found to be shared. */
  clashes = 0;

  /** `retire` takes the agents that are let go. A source that sends nothing for `silentMs` is silent. */
  constructor(
    agentsMax: number,
    silentMs: number,
    { sequences, refused }: { readonly sequences: SequenceTrack; readonly refused: RefusedSources },
    retire: (agent: Domain) => void,
  ) {
    this.#agents = new Roster(agentsMax);
    this.#agentsMax = agentsMax;
    this.#silentMs = silentMs;
    this.#sequences = sequences;
    this.#refused = refused;
    this.#retire = retire;
  }

  [Symbol.iterator](): Iterator<Domain> {
    return this.#agents[Symbol.iterator]();
  }

  /** The domain of the agent that sent this datagram; not `listed` when there is no room for it. */
  find(
    session: Session,
    address: Uint32Array,
    protocol: number,
    subAgent: number,
    sequence: number,
    nowMs: number,
  ): Domain {
    const { last, addressText } = session;
    this.#claim = CLAIM.one;
    if (
      last &&
      !last.evicted &&
      last.id === subAgent &&
      last.protocol === protocol &&
      last.speaker === addressText &&
      sameAddress(last.claimed, address) &&
      nowMs - last.lastReceivedMs < RENEW_MS
    ) {
      last.speakerSeenMs = nowMs;
      return last;
    }
    const key = `${protocol}.${address.join('.')}.${subAgent}`;
    const known = this.#shared.has(key) ? undefined : this.#byKey.get(key);
    if (known) {
      if (known.speaker !== addressText) this.#weigh(known, addressText, sequence, nowMs);
      if (this.#claim !== CLAIM.clash) return this.#goOn(known, session, nowMs);
      this.#share(known, key);
    }
    if (!known && !this.#shared.has(key))
      return this.#add(session, new Domain(address, protocol, subAgent, session.templateCount), key, nowMs);
    this.#shared.set(key, nowMs);
    this.#claim = CLAIM.one;
    const ownKey = `${key}@${addressText}`;
    const own = this.#byKey.get(ownKey);
    if (own) return this.#goOn(own, session, nowMs);
    const agent = new Domain(session.address, protocol, subAgent, session.templateCount);
    agent.claimed = Uint32Array.from(address);
    agent.clashes = 1;
    return this.#add(session, agent, ownKey, nowMs);
  }

  /** Measures the sequence of the datagram that find() was called for, as far as it is that of the agent. */
  measure(agent: Domain, sequence: number, uptimeMs: number): void {
    if (this.#claim === CLAIM.unsure) {
      // Its counters are not those of the samples before.
      if (agent.sflow) agent.sflow.gaps++;
      return;
    }
    const { claims, lost } = agent;
    if (claims && claims.count > 0 && this.#claim !== CLAIM.late) {
      agent.checkSequence(claims.first, claims.count, uptimeMs);
      claims.count = 0;
    }
    agent.checkSequence(sequence, 1, uptimeMs);
    if (agent.lost > lost && agent.sflow) agent.sflow.gaps++;
  }

  /** Called for every datagram that gave records. */
  prove(agent: Domain, nowMs: number): void {
    this.#agents.prove(agent, nowMs);
  }

  /** Forgets what was not seen since. */
  expire(beforeMs: number): void {
    for (const agent of this.#agents) if (agent.lastReceivedMs < beforeMs) this.#remove(agent);
    for (const [key, seenMs] of this.#shared) if (seenMs < beforeMs) this.#shared.delete(key);
  }

  /** What a datagram is of a source that is not the one measured. */
  #weigh(agent: Domain, source: string, sequence: number, nowMs: number): void {
    agent.claims ??= new Claims();
    const { claims, sequence: meter } = agent;
    const isSilent = nowMs - agent.speakerSeenMs >= this.#silentMs;
    const { next } = meter;
    this.#claim = claims.weigh(source, sequence, next, meter.fillsGap(sequence), isSilent);
    // No room for another address that is shared.
    if (this.#claim === CLAIM.clash && this.#shared.size >= this.#agentsMax) this.#claim = CLAIM.unsure;
    if (this.#claim !== CLAIM.one && this.#claim !== CLAIM.successor) return;
    claims.leave(agent.speaker, next);
    agent.speaker = source;
  }

  #goOn(agent: Domain, session: Session, nowMs: number): Domain {
    if (nowMs - agent.lastReceivedMs >= RENEW_MS) this.#agents.renew(agent, nowMs);
    if (agent.speaker === session.addressText) agent.speakerSeenMs = nowMs;
    session.last = agent;
    return agent;
  }

  /** From now on each source that reports this address is an agent of its own. */
  #share(agent: Domain, key: string): void {
    this.clashes++;
    this.#remove(agent);
    this.#shared.set(key, agent.speakerSeenMs);
  }

  #add(session: Session, agent: Domain, key: string, nowMs: number): Domain {
    agent.lastReceivedMs = nowMs;
    agent.speaker = session.addressText;
    agent.speakerSeenMs = nowMs;
    agent.agentKey = key;
    const { exporter, protocol, id } = agent;
    const asked = this.#refused.has(key) ? ADMISSION.again : ADMISSION.none;
    const oldest = this.#agents.givesWay(nowMs, this.#sequences.wasSettled(exporter) ? ADMISSION.known : asked);
    if (oldest === null) {
      agent.listed = false;
      this.#refused.add(key, () => `sFlow agent ${formatAddress(wordsOfRow(exporter, 0))}`);
      this.#sequences.drop({ exporter, port: AGENT_PORT, protocol, id });
      return agent;
    }
    if (oldest) {
      this.#remove(oldest);
      this.evicted++;
    }
    this.#byKey.set(key, agent);
    this.#agents.add(agent);
    this.#sequences.adopt(agent, AGENT_PORT, nowMs);
    session.last = agent;
    return agent;
  }

  #remove(agent: Domain): void {
    this.#byKey.delete(agent.agentKey);
    this.#agents.delete(agent);
    agent.sflow?.release();
    this.#retire(agent);
  }
}

function sameAddress(a: Uint32Array, b: Uint32Array): boolean {
  return a[0] === b[0] && a[1] === b[1] && a[2] === b[2] && a[3] === b[3];
}
