import { applyDecorators, type INestApplication } from '@nestjs/common';
import { ApiExtension, ApiExtraModels, ApiHeader, ApiResponse, ApiSecurity, ApiTags } from '@nestjs/swagger';
import { DocumentBuilder, getSchemaPath, type OpenAPIObject, SwaggerModule } from '@nestjs/swagger';
import { ForScope } from '../authenticate-caller/caller.js';
import { ProblemDto } from './problem.dto.js';

const SECURITY = 'dpop';

/** A controller whose routes anybody may call. */
export const OpenRoutes = (tag: string): ClassDecorator =>
  applyDecorators(
    ApiTags(tag),
    ApiExtraModels(ProblemDto),
    ApiResponse({
      status: 'default',
      description: 'Refused or failed',
      content: { 'application/problem+json': { schema: { $ref: getSchemaPath(ProblemDto) } } },
    }),
  );

/** A controller whose routes need an agency's access token and DPoP proof. */
export const AgencyRoutes = (tag: string): ClassDecorator => applyDecorators(OpenRoutes(tag), ApiSecurity(SECURITY));

/** For an agency's auditors: with the token of their own client (`AGENCY:auditor`, scope `audit`). */
export const ForAuditors = (): ClassDecorator & MethodDecorator =>
  applyDecorators(ForScope('audit'), ApiExtension('x-scope', 'audit'));

/** A look at the log: audit answers the question that the auditor has signed, and no other. */
export const SignedLook = (): MethodDecorator =>
  applyDecorators(
    ApiHeader({
      name: 'Audit-Look',
      required: true,
      description:
        'Compact JWS of typ `kotovayla-audit-look+jws` by an `auditor-signing` key of the agency: method and path as `call`, ' +
        'the parameters of the query as `query` (without `askedBy` and without those that have their default; instants in UTC with ' +
        'milliseconds), `scope` own or all, agency, worker, jti, iat. Good once, within a minute.',
    }),
  );

/** The document that is served at /openapi.json and checked in as gateway.openapi.json. */
export function describeGateway(app: INestApplication): OpenAPIObject {
  const about = new DocumentBuilder()
    .setTitle('Kotoväylä gateway')
    .setDescription(
      'Sealed messages, releases, consents and the audit log. Errors are problem+json (RFC 9457) with a stable `code`; ' +
        '429 and 503 say in `Retry-After` when the same request may come again, which is always harmless.',
    )
    .setVersion('1')
    .addSecurity(SECURITY, {
      type: 'http',
      scheme: 'DPoP',
      bearerFormat: 'JWT',
      description:
        'Access token of the identity service (client credentials, private_key_jwt) with a DPoP proof (RFC 9449) of its key ' +
        'in the header `DPoP`. The proof carries the newest nonce of the response header `DPoP-Nonce`; without it the answer ' +
        'is 401 `USE_DPOP_NONCE`, and the request is repeated with the nonce that came along.',
    })
    .build();
  return SwaggerModule.createDocument(app, about);
}
