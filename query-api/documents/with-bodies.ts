// Answers that hold documents whole, joined from their texts: a document of 64 MiB that is parsed and written again would
// make every other request wait.

import type { FastifyReply, FastifyRequest } from 'fastify';
import { seesAddresses } from '../access/hiding.ts';
import type { DocumentChecks } from './checking.ts';

/** `bodies` are texts of JSON, each a field of the answer beside those of `fields`. */
export async function sendWithBodies(
  request: FastifyRequest,
  reply: FastifyReply,
  checks: DocumentChecks,
  fields: Readonly<Record<string, unknown>>,
  bodies: Readonly<Record<string, string>>,
): Promise<FastifyReply> {
  const texts = [
    ...Object.entries(fields).map(([name, value]) => `${JSON.stringify(name)}:${JSON.stringify(value)}`),
    ...Object.entries(bodies).map(([name, body]) => `${JSON.stringify(name)}:${body}`),
  ];
  const text = `{${texts.join(',')}}`;
  const shown = seesAddresses(request) ? text : await checks.run('hiding', text);
  return reply.type('application/json; charset=utf-8').send(shown);
}
