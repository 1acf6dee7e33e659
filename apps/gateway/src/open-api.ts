import type { INestApplication } from '@nestjs/common';
import { DocumentBuilder, type OpenAPIObject, SwaggerModule } from '@nestjs/swagger';

/** The document that is served at /openapi.json and checked in as gateway.openapi.json. */
export function describeGateway(app: INestApplication): OpenAPIObject {
  const about = new DocumentBuilder()
    .setTitle('Kotoväylä gateway')
    .setDescription(
      'Sealed messages, releases, consents and the audit log. Access tokens are DPoP-bound (RFC 9449); errors are problem+json (RFC 9457) with a stable `code`.',
    )
    .setVersion('1')
    .build();
  return SwaggerModule.createDocument(app, about);
}
