import { Controller, Get } from '@nestjs/common';
import { ApiExcludeController } from '@nestjs/swagger';
import type { OpenAPIObject } from '@nestjs/swagger';
import { Public } from '#platform';

/** Serves the document, which takes a tenth of a second to make: when it is first asked for. */
@Public()
@ApiExcludeController()
@Controller()
export class OpenApiController {
  private document: OpenAPIObject | undefined;
  /** Set at start, when the application is there to be described. */
  describe: (() => OpenAPIObject) | undefined;

  @Get('openapi.json')
  read(): OpenAPIObject | undefined {
    return (this.document ??= this.describe?.());
  }
}
