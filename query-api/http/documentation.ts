// The OpenAPI document of the routes, and the page at /docs that shows it.

import swagger from '@fastify/swagger';
import swaggerUi from '@fastify/swagger-ui';
import type { FastifyInstance } from 'fastify';
import { truthful } from './openapi.ts';

/** Health needs no token; metrics do. */
const isOpen = (path: string) => path === '/healthz' || path === '/readyz';

/** Call it before routes are registered: it collects them. */
export function registerDocumentation(app: FastifyInstance, tokensRequired: boolean): void {
  app.register(swagger, {
    transformObject: document =>
      truthful('openapiObject' in document ? document.openapiObject : document.swaggerObject, tokensRequired, isOpen),
    openapi: {
      openapi: '3.1.0',
      info: {
        title: 'Hairpin query API',
        version: '1',
        description:
          'Who talks to whom, counted once, with its error and its blind spots. Numbers are exact up to 2^53.',
      },
      ...(tokensRequired && {
        components: { securitySchemes: { token: { type: 'http', scheme: 'bearer', description: 'hairpin token' } } },
        security: [{ token: [] }],
      }),
      tags: [
        { name: 'questions' },
        { name: 'alerts' },
        { name: 'documents' },
        { name: 're-enrichment' },
        { name: 'health' },
      ],
    },
  });
  app.register(async documentation => {
    documentation.addHook('onRoute', route => {
      route.config = { ...route.config, right: 'nothing' };
    });
    documentation.register(swaggerUi, { routePrefix: '/docs', staticCSP: true });
  });
}
