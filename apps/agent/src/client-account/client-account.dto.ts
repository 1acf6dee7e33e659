import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { IsOptional, IsString, Matches, MaxLength } from 'class-validator';
import { Text } from '../describe-api/shared.dto.js';
import { GrantDto, OpenedUseDto } from '../record-consent/consent.dto.js';
import { AskedAboutDto, ClientDisclosureDto } from '../see-client/client-view.dto.js';

export class LanguageQuery {
  @ApiPropertyOptional({ default: 'fi', description: 'Language of the page' })
  @IsOptional()
  @Matches(/^[a-z]{2,3}(-[A-Za-z0-9]{2,8}){0,2}$/)
  language: string = 'fi';
}

export class FormDto {
  @ApiProperty({ description: 'Of the account as it was shown' })
  @IsString()
  @MaxLength(64)
  formToken: string;
}

export class OtherDto extends FormDto {
  @Text('Personal identity code of the person for whom one decides', 16)
  identityCode: string;
}

class ContactDto {
  @ApiProperty() agency: string;
  @ApiProperty({ description: 'Empty where the directory has none' }) telephone: string;
}

class AccountActDto {
  @ApiProperty({ description: 'withdraw, suspend, resume …' }) act: string;
  @ApiProperty({ description: 'Whose act: subject, decider, authority' }) by: string;
  @ApiProperty({ description: 'Agency that told it' }) agency: string;
  @ApiProperty({ format: 'date-time' }) at: string;
}

class AccountMatterDto {
  @ApiProperty({ format: 'uuid' }) consentId: string;
  @ApiProperty({ description: '0 as long as it is only proposed' }) version: number;
  @ApiProperty({ description: 'requested, active, suspended, withdrawn, revoked, expired …' }) state: string;
  @ApiProperty({ type: [Number] }) categories: number[];
  @ApiProperty({
    type: [GrantDto],
    description: 'What was agreed to, or asked; empty where names are withheld',
  })
  grants: GrantDto[];
  @ApiPropertyOptional({ description: 'Who asks' }) collectingAgency?: string;
  @ApiProperty({ type: [String] }) purposes: string[];
  @ApiPropertyOptional({ format: 'date-time' }) validFrom?: string;
  @ApiPropertyOptional({ format: 'date-time' }) validUntil?: string;
  @ApiPropertyOptional({ format: 'date-time', description: 'Of a question: until when it can be answered' })
  answerBy?: string;
  @ApiPropertyOptional({ format: 'date-time', description: 'When it reached its final state' }) endedAt?: string;
  @ApiProperty({ type: [OpenedUseDto], description: 'Every use: who opened something on it, and when' })
  used: OpenedUseDto[];
  @ApiProperty({ type: [AccountActDto], description: 'What happened to it, oldest first' }) acts: AccountActDto[];
  @ApiProperty({
    enum: ['here', 'elsewhere', 'nothing'],
    description: 'Where the client withdraws it: here by one call, elsewhere by telephone; nothing where it has ended',
  })
  withdraw: 'here' | 'elsewhere' | 'nothing';
  @ApiProperty({ type: [ContactDto], description: 'Whom to call, where it is not here' }) contacts: ContactDto[];
}

class EmergencyLookDto {
  @ApiProperty({ format: 'date-time' }) at: string;
  @ApiPropertyOptional({ description: 'Who looked; left out where names are withheld' }) agency?: string;
  @ApiProperty({ description: 'Type of its entry in the log: break-glass-used, break-glass-shown' }) type: string;
  @ApiProperty({ description: 'Index of its entry in the log' }) logIndex: number;
}

export class AccountDto {
  @ApiProperty({ type: [AccountMatterDto], description: 'Every consent and every question, whichever agency it is of' })
  consents: AccountMatterDto[];
  @ApiProperty({ type: [AskedAboutDto], description: 'Who asked whom, as far as this agency took part' })
  asked: AskedAboutDto[];
  @ApiProperty({
    type: [ClientDisclosureDto],
    description: 'Who gave what to whom, when, on which basis, by law too; as far as this agency took part',
  })
  disclosures: ClientDisclosureDto[];
  @ApiProperty({
    type: [EmergencyLookDto],
    description:
      'Looks in an emergency at entries of the log about the client that are this agency’s too, as the disclosure report has them without a reason; searched for, not proved complete',
  })
  emergencyLooks: EmergencyLookDto[];
  @ApiProperty({ description: 'Agencies’ names are withheld from this viewer' }) namesWithheld: boolean;
  @ApiProperty({ description: 'About somebody for whom the viewer decides' }) isOther: boolean;
  @ApiProperty({ description: 'Goes with each call that changes something' }) formToken: string;
}
