import { Controller, Get, Header, Inject, Query } from '@nestjs/common';
import { ApiOperation, ApiProperty, ApiPropertyOptional, ApiResponse } from '@nestjs/swagger';
import { DirectoryWatch, Public } from '#platform';
import { unwrap } from '#kernel';
import { Type } from 'class-transformer';
import { IsInt, IsISO8601, IsOptional, Matches, Max, Min } from 'class-validator';
import { DIRECTORY, type DirectoryClient } from '../infra/peers.js';
import { OpenRoutes } from '../describe-api/open-api.js';

const CODE = /^[a-z][a-z0-9-]{0,39}$/;

export class RouteQuery {
  @ApiPropertyOptional({
    description: 'Home municipality of the client on the day, three digits; none for no home municipality',
  })
  @IsOptional()
  @Matches(/^[0-9]{3}$/)
  municipality?: string;

  @ApiProperty() @Matches(CODE) duty: string;

  @ApiProperty() @Matches(CODE) clientGroup: string;

  @ApiProperty({ description: 'ISO date' }) @IsISO8601({ strict: true }) day: string;

  @ApiProperty() @Type(() => Number) @IsInt() @Min(0) @Max(99) category: number;
}

class ContactDto {
  @ApiProperty() functionalMailbox: string;
  @ApiProperty() deputy: string;
  @ApiProperty() telephone: string;
  @ApiProperty({ description: 'ISO date' }) lastConfirmed: string;
}

class RouteDto {
  @ApiProperty({ description: 'Empty when nobody answers' }) agency: string;
  @ApiProperty() nameFi: string;
  @ApiProperty() nameSv: string;
  @ApiProperty({ description: 'The rule that decided' }) rule: string;
  @ApiProperty({ description: 'What to do when nobody answers, or another must be asked first' }) advice: string;
  @ApiProperty() onboarded: boolean;
  @ApiPropertyOptional({ type: ContactDto }) contact?: ContactDto;
}

class AgencyDto {
  @ApiProperty() id: string;
  @ApiProperty() kind: string;
  @ApiProperty() businessId: string;
  @ApiProperty() nameFi: string;
  @ApiProperty() nameSv: string;
  @ApiProperty({ enum: ['onboarding', 'active', 'suspended'] }) status: string;
  @ApiPropertyOptional({ type: ContactDto }) contact?: ContactDto;
}

class AgenciesDto {
  @ApiProperty({ type: [AgencyDto] }) agencies: AgencyDto[];
}

class CatalogueDto {
  @ApiProperty() version: number;
  @ApiProperty({ description: 'Categories, purposes, statutes, refusal reasons and JSON Schemas as JSON text' })
  json: string;
}

/** Public facts of the directory. Keys are not here: agents take them from the log only. */
@Public()
@OpenRoutes('directory')
@Controller('v1/directory')
export class ReadDirectoryController {
  constructor(
    @Inject(DIRECTORY) private readonly directory: DirectoryClient,
    @Inject(DirectoryWatch) private readonly snapshot: DirectoryWatch,
  ) {}

  @Get('agencies')
  @ApiOperation({ summary: 'Agencies with names, status and contacts' })
  @ApiResponse({ status: 200, type: AgenciesDto })
  agencies(): AgenciesDto {
    unwrap(this.snapshot.fresh());
    return { agencies: [...this.snapshot.agencies()] };
  }

  @Get('catalogue')
  @Header('cache-control', 'public, max-age=60')
  @ApiOperation({ summary: 'Information categories, purposes, statutes, refusal reasons' })
  @ApiResponse({ status: 200, type: CatalogueDto })
  catalogue(): CatalogueDto {
    unwrap(this.snapshot.fresh());
    return this.snapshot.catalogue();
  }

  @Get('route')
  @ApiOperation({ summary: 'Who answers for a matter' })
  @ApiResponse({ status: 200, type: RouteDto })
  async route(@Query() query: RouteQuery): Promise<RouteDto> {
    const { municipality, duty, clientGroup, day, category } = query;
    return this.directory.route({ municipalityCode: municipality ?? '', duty, clientGroup, day, category });
  }
}
