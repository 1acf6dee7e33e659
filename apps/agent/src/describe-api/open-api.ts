import type { INestApplication } from '@nestjs/common';
import { DocumentBuilder, type OpenAPIObject, SwaggerModule } from '@nestjs/swagger';

/** The document that is served at /openapi.json and checked in as agent.openapi.json. */
export function describeAgent(app: INestApplication): OpenAPIObject {
  const about = new DocumentBuilder()
    .setTitle('Kotoväylä agent')
    .setDescription(
      'For an agency’s own systems. Each calls with a key of its own as bearer token and acts for its agency alone. ' +
        'Below /v1/account clients’ browsers call instead, after strong identification. ' +
        'Errors are problem+json (RFC 9457) with a stable `code`.',
    )
    .setVersion('1')
    .addBearerAuth({ type: 'http', scheme: 'bearer', bearerFormat: 'key of a calling system' })
    .addCookieAuth('account-session', { type: 'apiKey', in: 'cookie' }, 'account')
    .build();
  return SwaggerModule.createDocument(app, about);
}
