import { Controller, Get } from '@nestjs/common';
import { ApiExcludeController } from '@nestjs/swagger';
import type { OpenAPIObject } from '@nestjs/swagger';
import { Public } from '#platform';

/** Serves the document that start-up made once. */
@Public()
@ApiExcludeController()
@Controller()
export class OpenApiController {
  document: OpenAPIObject | undefined;

  @Get('openapi.json')
  read(): OpenAPIObject | undefined {
    return this.document;
  }
}
