import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { Type } from 'class-transformer';
import { IsIn, IsInt, IsISO8601, IsOptional, Max, Min } from 'class-validator';
import { OptionalCodeWord, OptionalText } from '../describe-api/shared.dto.js';

export class ExchangesQuery {
  @ApiPropertyOptional({ enum: ['asker', 'holder'] })
  @IsOptional()
  @IsIn(['asker', 'holder'])
  role?: string;

  @OptionalCodeWord('Only exchanges in this state')
  state?: string;

  @OptionalText('Only exchanges of this case', 100)
  caseNumber?: string;

  @ApiPropertyOptional({ default: 50, maximum: 200 })
  @IsOptional()
  @Type(() => Number)
  @IsInt()
  @Min(1)
  @Max(200)
  limit: number = 50;

  @ApiPropertyOptional({
    format: 'date-time',
    description: 'Only those changed before: `changedAt` of the last one shown',
  })
  @IsOptional()
  @IsISO8601({ strict: true })
  before?: string;
}

export class ExchangeSummaryDto {
  @ApiProperty({ format: 'uuid' }) exchangeId: string;
  @ApiProperty({ enum: ['asker', 'holder'] }) role: string;
  @ApiProperty() counterpart: string;
  @ApiProperty({ description: 'Kind of the message that opened it' }) openedBy: string;
  @ApiProperty() purpose: string;
  @ApiProperty({ type: [Number] }) categories: number[];
  @ApiPropertyOptional() caseNumber?: string;
  @ApiProperty({
    description: 'open, question, answered, refused, rejected, expired, withdrawn, undeliverable, forwarded, informed',
  })
  state: string;
  @ApiPropertyOptional({ description: 'Why: a stable error code or a refusal reason' }) code?: string;
  @ApiPropertyOptional({ format: 'uuid' }) forwardedFrom?: string;
  @ApiPropertyOptional({ format: 'uuid' }) forwardedTo?: string;
  @ApiProperty({ format: 'date-time' }) createdAt: string;
  @ApiProperty({ format: 'date-time' }) changedAt: string;
}

export class ExchangesDto {
  @ApiProperty({ type: [ExchangeSummaryDto] }) exchanges: ExchangeSummaryDto[];
}

export class ExchangeMessageDto {
  @ApiProperty({ format: 'uuid' }) messageId: string;
  @ApiProperty({ enum: ['sent', 'received'] }) direction: string;
  @ApiProperty() kind: string;
  @ApiProperty({
    description:
      'sent: submitted, accepted, opened, rejected, expired, withdrawn, undeliverable, discarded; received: delivered, opened, refused',
  })
  state: string;
  @ApiPropertyOptional() code?: string;
  @ApiPropertyOptional() detail?: string;
  @ApiPropertyOptional({ description: 'Index in the log: of acceptance for what was sent, of release for what came' })
  leafIndex?: number;
  @ApiProperty({ description: 'Name of the message: hash of its manifest' }) manifestHash: string;
  @ApiPropertyOptional({ type: Object, description: 'What was sealed in it, once opened' }) content?: object;
  @ApiProperty({ format: 'date-time' }) at: string;
}

export class ExchangeDto extends ExchangeSummaryDto {
  @ApiProperty({
    description:
      'As seen by this agency: submitted, accepted, opened, waits-for-decision, decided, question, answered …',
  })
  stage: string;
  @ApiPropertyOptional({ format: 'date-time', description: 'By when the hub expects an answer' }) deadline?: string;
  @ApiProperty({ type: [ExchangeMessageDto] }) messages: ExchangeMessageDto[];
}

class LookDto {
  @ApiProperty() system: string;
  @ApiPropertyOptional() worker?: string;
  @ApiProperty() what: string;
  @ApiProperty({ format: 'date-time' }) at: string;
}

export class LooksDto {
  @ApiProperty({ type: [LookDto] }) looks: LookDto[];
}

export class DraftItemDto {
  @ApiProperty() category: number;
  @ApiProperty({ enum: ['asking', 'waiting', 'decided'], description: '`asking`: the register has not answered yet' })
  state: string;
  @ApiPropertyOptional({ type: Object, description: 'What the register proposes' }) draft?: object;
  @ApiPropertyOptional({ type: Object, description: 'What leaves, and who decided it' }) decision?: object;
  @ApiPropertyOptional({ description: 'Why there is no draft yet' }) code?: string;
}

export class InboxSummaryDto {
  @ApiProperty({ format: 'uuid' }) messageId: string;
  @ApiProperty({ format: 'uuid' }) exchangeId: string;
  @ApiProperty() sender: string;
  @ApiProperty() kind: string;
  @ApiProperty({ type: [Number] }) categories: number[];
  @ApiProperty({ enum: ['delivered', 'releasing', 'opened', 'refused'] }) state: string;
  @ApiPropertyOptional({ enum: ['due', 'decided', 'sent', 'closed'] }) reply?: string;
  @ApiPropertyOptional({ description: 'Why it is not opened' }) code?: string;
  @ApiProperty({ format: 'date-time' }) receivedAt: string;
}

export class InboxDto {
  @ApiProperty({ type: [InboxSummaryDto] }) messages: InboxSummaryDto[];
}

class EvidenceDto {
  @ApiProperty({ format: 'uuid' }) consentId: string;
  @ApiProperty() version: number;
  @ApiPropertyOptional({ type: Object, description: 'What was signed, said or shown; language, interpreter, witness' })
  evidence: object | undefined;
  @ApiProperty({ enum: ['yes', 'no', 'unknown'], description: 'Is it what the collecting agency signed for?' })
  proves: string;
  @ApiPropertyOptional() collectedBy?: string;
}

export class InboxItemDto extends InboxSummaryDto {
  @ApiPropertyOptional({ type: [Object], description: 'The clients, once opened' }) clients?: object[];
  @ApiPropertyOptional({ type: Object }) content?: object;
  @ApiPropertyOptional({
    type: [EvidenceDto],
    description: 'Of a request that rests on consents: what shows them, checked against the signed records',
  })
  consentEvidence?: EvidenceDto[];
  @ApiProperty({ type: [DraftItemDto] }) draft: DraftItemDto[];
  @ApiPropertyOptional({ description: 'Log index of the release' }) leafIndex?: number;
}
