import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { IsOptional, Matches } from 'class-validator';
import { ClientDto, Nested, OptionalNested } from '../describe-api/shared.dto.js';
import { ConsentDto, OpenedUseDto } from '../record-consent/consent.dto.js';

export class SeeClientDto {
  @Nested(ClientDto, 'About whom. In the body, because addresses are written into logs.')
  client: ClientDto;

  @OptionalNested(
    ClientDto,
    'Who reads it, where it is not the client: agencies’ names may be withheld from that person',
  )
  reader?: ClientDto;

  @ApiPropertyOptional({ default: 'fi', description: 'Language of the page' })
  @IsOptional()
  @Matches(/^[a-z]{2,3}(-[A-Za-z0-9]{2,8}){0,2}$/)
  language: string = 'fi';
}

class ClientConsentDto extends ConsentDto {
  @ApiProperty({ type: [OpenedUseDto], description: 'Every use' }) used: OpenedUseDto[];
  @ApiProperty({
    description: 'One call by which the client withdraws it here; empty where there is nothing to withdraw',
  })
  withdraw: string;
}

class ClientProposalDto {
  @ApiProperty({ format: 'uuid' }) consentId: string;
  @ApiProperty() state: string;
}

export class ClientDisclosureDto {
  @ApiProperty({ format: 'uuid' }) exchangeId: string;
  @ApiPropertyOptional({ description: 'Left out where names are withheld' }) from?: string;
  @ApiPropertyOptional() to?: string;
  @ApiProperty({ type: [Number] }) categories: number[];
  @ApiProperty({ enum: ['consent', 'law'] }) basis: 'consent' | 'law';
  @ApiPropertyOptional() provision?: string;
  @ApiProperty({ format: 'date-time', description: 'Opened here; of what this agency sent: sent' }) at: string;
  @ApiPropertyOptional({ format: 'date-time' }) openedAt?: string;
  @ApiPropertyOptional({ description: 'Who opened it at this agency' }) openedBy?: string;
  @ApiPropertyOptional({
    description: 'Of what this agency sent: whether the other side has opened it, as the hub says',
  })
  openedThere?: boolean;
}

export class AskedAboutDto {
  @ApiProperty({ format: 'uuid' }) exchangeId: string;
  @ApiPropertyOptional() asker?: string;
  @ApiPropertyOptional() holder?: string;
  @ApiProperty() purpose: string;
  @ApiProperty({ type: [Number] }) categories: number[];
  @ApiProperty() state: string;
  @ApiProperty({ format: 'date-time' }) at: string;
}

export class ClientViewDto {
  @ApiProperty({ type: [ClientConsentDto] }) consents: ClientConsentDto[];
  @ApiProperty({ type: [ClientProposalDto], description: 'Questions that wait for an answer, or were answered no' })
  proposals: ClientProposalDto[];
  @ApiProperty({ type: [AskedAboutDto], description: 'Who asked whom' }) asked: AskedAboutDto[];
  @ApiProperty({ type: [ClientDisclosureDto], description: 'Who gave what to whom, when, on which basis' })
  disclosures: ClientDisclosureDto[];
  @ApiProperty({ description: 'Agencies’ names are withheld from this reader' }) namesWithheld: boolean;
}
