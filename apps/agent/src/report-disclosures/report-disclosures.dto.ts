import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { Matches } from 'class-validator';
import { ClientDto, Nested, OptionalDay, OptionalText, Text } from '../describe-api/shared.dto.js';
import { SeeClientDto } from '../see-client/client-view.dto.js';

export class ReportDisclosuresDto extends SeeClientDto {
  @OptionalDay('First day; without it as far back as needs no reason')
  from?: string;

  @OptionalDay('Last day; without it today')
  until?: string;

  @OptionalText('Why it goes further back, where the law asks for a reason; stands in the report', 500)
  reason?: string;
}

class PeriodOfReportDto {
  @ApiProperty({ format: 'date-time' }) from: string;
  @ApiProperty({ format: 'date-time', description: 'Exclusive' }) until: string;
}

class ReportedDisclosureDto {
  @ApiProperty({ format: 'uuid' }) exchangeId: string;
  @ApiProperty({ format: 'date-time', description: 'Opened; else sent' }) at: string;
  @ApiProperty() opened: boolean;
  @ApiPropertyOptional({ description: 'Left out where names are withheld' }) from?: string;
  @ApiPropertyOptional() to?: string;
  @ApiProperty({ type: [Number] }) categories: number[];
  @ApiProperty({ enum: ['consent', 'law'] }) basis: 'consent' | 'law';
  @ApiPropertyOptional() provision?: string;
  @ApiPropertyOptional() purpose?: string;
}

class ProcessedLineDto {
  @ApiPropertyOptional({ format: 'uuid' }) exchangeId?: string;
  @ApiProperty({ format: 'date-time' }) at: string;
  @ApiProperty({ enum: ['opened', 'looked', 'refused', 'consent'] }) what: 'opened' | 'looked' | 'refused' | 'consent';
  @ApiPropertyOptional({ description: 'Left out where names are withheld' }) agency?: string;
  @ApiPropertyOptional({ description: 'Only where the law gives the client the name' }) staff?: string;
  @ApiPropertyOptional({ description: 'Of a look in an emergency: the type of its entry in the log' }) code?: string;
  @ApiPropertyOptional() logIndex?: number;
}

export class DisclosureReportDto {
  @ApiProperty({ enum: [1] }) v: 1;
  @ApiProperty() language: string;
  @ApiProperty({ format: 'date-time' }) madeAt: string;
  @ApiPropertyOptional({ description: 'Left out where names are withheld' }) madeBy?: string;
  @ApiProperty() person: string;
  @ApiProperty() period: PeriodOfReportDto;
  @ApiPropertyOptional() reason?: string;
  @ApiProperty({ type: [ReportedDisclosureDto] }) disclosures: ReportedDisclosureDto[];
  @ApiProperty({ type: [ProcessedLineDto] }) processing: ProcessedLineDto[];
  @ApiProperty({ description: 'There is more than one report holds: ask for a shorter period' }) truncated: boolean;
  @ApiProperty({ description: 'Agencies’ names are withheld from this reader' }) namesWithheld: boolean;
}

export class RefuseReportDto {
  @Nested(ClientDto, 'Whose account is refused')
  client: ClientDto;

  @ApiProperty({ description: 'Code of the ground, such as danger' })
  @Matches(/^[a-z][a-z-]{0,31}$/)
  ground: string;

  @Text('Name of the official who decides', 200)
  decidedBy: string;
}

export class ReportRefusedDto {
  @ApiProperty() ground: string;
  @ApiProperty() provision: string;
  @ApiProperty({ description: 'What the client is told, by language' }) told: Record<string, string>;
  @ApiProperty({ description: 'Of the entry in the log that says so' }) logIndex: number;
}
