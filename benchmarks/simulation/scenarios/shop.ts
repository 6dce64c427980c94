// The tenant that most scenarios share: a shop of three tiers and a VM that no application selects, spread over hosts.

import { addVm, type Host, type Segment, type Vm, type VmOptions, type World } from '../network/world.ts';
import type { Call } from './plan.ts';

export interface Shop {
  readonly web: readonly Vm[];
  readonly app: readonly Vm[];
  readonly db: readonly Vm[];
  readonly lab: readonly Vm[];
}

const PORTS = { web: 443, app: 8080, db: 5432 } as const;

/** Places `each` VMs of every tier on the hosts in turn; `optionsOf` says more about the nth VM. */
export function placeShop(
  world: World,
  hosts: readonly Host[],
  segmentOf: (tier: string) => Segment,
  {
    each = 2,
    prefix = '',
    optionsOf = () => ({}),
  }: { each?: number; prefix?: string; optionsOf?: (n: number) => VmOptions } = {},
): Shop {
  let n = 0;
  const place = (tier: string, app: string | undefined, count: number) =>
    Array.from({ length: count }, (_, i) => {
      const host = hosts[n % hosts.length]!;
      const options = optionsOf(n++);
      return addVm(world, `${prefix}${tier}-0${i + 1}`, host, segmentOf(tier), {
        ...options,
        ...(app !== undefined && { app }),
      });
    });
  for (const [tier, port] of Object.entries(PORTS)) world.applicationPorts.set(prefix + tier, `tcp/${port}`);
  return {
    web: place('web', `${prefix}web`, each),
    app: place('app', `${prefix}app`, each),
    db: place('db', `${prefix}db`, each),
    lab: place('lab', undefined, 1),
  };
}

/** Every tier calls every machine of the next one; databases copy to each other, the lab asks the web. */
export function shopCalls({ web, app, db, lab }: Shop): Call[] {
  const all = (clients: readonly Vm[], servers: readonly Vm[], port: number, more: Partial<Call> = {}) =>
    clients.flatMap(client =>
      servers.filter(server => server !== client).map(server => ({ client, server, port, ...more })),
    );
  return [
    ...all(web, app, PORTS.app),
    ...all(app, db, PORTS.db, { toServer: 30, toClient: 60 }),
    ...all(db.slice(0, 1), db.slice(1), PORTS.db, { toServer: 80, toClient: 40, requestMix: [1500], replyMix: [52] }),
    ...all(lab, web, PORTS.web, { toServer: 5, toClient: 10 }),
  ];
}
