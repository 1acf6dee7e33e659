import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import type { SubjectStanding } from '#envelope';
import { agencyIdPattern, type AgencyId } from '#kernel';
import { Type } from 'class-transformer';
import {
  ArrayMaxSize,
  ArrayMinSize,
  ArrayUnique,
  IsArray,
  IsBoolean,
  IsIn,
  IsInt,
  IsOptional,
  Matches,
  Max,
  Min,
  ValidateNested,
} from 'class-validator';
import {
  Agency,
  all,
  ClientDto,
  Instant,
  Nested,
  OfficerDto,
  OptionalInstant,
  OptionalNested,
  PeriodDto,
  Text,
} from '../describe-api/shared.dto.js';
import {
  ConsentDto,
  Custody,
  DeciderDto,
  Deciders,
  MAX_EVIDENCE,
  methods,
  Standing,
  UsesDto,
  WarningDto,
} from '../record-consent/consent.dto.js';

const Agencies = (description: string): PropertyDecorator =>
  all(
    ApiProperty({ type: [String], description }),
    IsArray(),
    ArrayMinSize(1),
    ArrayMaxSize(64),
    ArrayUnique(),
    Matches(agencyIdPattern, { each: true }),
  );

const Category = (): PropertyDecorator => all(ApiProperty(), IsInt(), Min(1), Max(999));

export class WantedDto {
  @Category()
  category: number;

  @Agencies('Who would disclose it')
  disclosers: AgencyId[];

  @Agencies('Who would ask and receive it')
  recipients: AgencyId[];
}

export class ProposeConsentDto {
  @Nested(ClientDto, 'Who is asked to agree')
  client: ClientDto;

  @Standing()
  standing?: SubjectStanding;

  @Deciders('Who decides; without it the person')
  deciders?: DeciderDto[];

  @Custody()
  custody?: 'sole' | 'joint';

  @ApiProperty({ type: [WantedDto], description: 'Each category once, with its own disclosers and recipients' })
  @IsArray()
  @ArrayMinSize(1)
  @ArrayMaxSize(64)
  @ArrayUnique(({ category }: WantedDto) => category)
  @ValidateNested({ each: true })
  @Type(() => WantedDto)
  wanted: WantedDto[];

  @ApiProperty({ type: [String], description: 'For which purposes' })
  @IsArray()
  @ArrayMinSize(1)
  @ArrayMaxSize(32)
  @ArrayUnique()
  @Matches(/^[A-Za-z0-9][A-Za-z0-9._:-]{0,63}$/, { each: true })
  purposes: string[];

  @OptionalNested(PeriodDto, 'Period of the data')
  dataPeriod?: PeriodDto;

  @Nested(UsesDto, 'Once, or repeated with a frequency')
  uses: UsesDto;

  @Instant('Every consent has an end, at most twelve months away')
  validUntil: string;

  @ApiPropertyOptional({ default: false, description: 'It also ends with the client’s plan' })
  @IsOptional()
  @IsBoolean()
  untilPlanEnds?: boolean;

  @ApiProperty({ description: 'Language in which the client is asked, such as `fi` or `uk`; see GET /v1/notices' })
  @Matches(/^[a-z]{2,3}(-[A-Za-z0-9]{2,8}){0,2}$/)
  language: string;

  @OptionalInstant('From when it can no longer be answered; 30 days without it')
  answerBy?: string;

  @Nested(OfficerDto, 'Who asks, and whom the client calls')
  officer: OfficerDto;
}

export class ConsentAnswerDto {
  @Category()
  category: number;

  @Agency('Who would receive it')
  recipient: AgencyId;

  @ApiProperty({ description: 'The client’s word. There is no default.' })
  @IsBoolean()
  yes: boolean;
}

export class InterpreterDto {
  @Text('Name, or the service and its number', 200)
  name: string;
}

export class AnswerProposalDto {
  @ApiProperty({ type: [ConsentAnswerDto], description: 'One for each category and recipient' })
  @IsArray()
  @ArrayMinSize(1)
  @ArrayMaxSize(1_024)
  @ValidateNested({ each: true })
  @Type(() => ConsentAnswerDto)
  answers: ConsentAnswerDto[];

  @ApiProperty({ enum: methods, description: '`oral-once`: by word of mouth, for one contact' })
  @IsIn(methods)
  method: (typeof methods)[number];

  @OptionalNested(InterpreterDto, 'Who interpreted')
  interpreter?: InterpreterDto;

  @OptionalNested(OfficerDto, 'Who witnessed it; needed where it was by word of mouth')
  witness?: OfficerDto;

  @OptionalNested(
    ClientDto,
    'Which of several deciders answers here: each by an own answer, and the last one’s yes makes the consent. Without it all answered at once.',
  )
  decider?: ClientDto;

  @Text('What shows it: the signed paper and where it lies, what was said, what was on the screen', MAX_EVIDENCE)
  evidence: string;

  @Nested(OfficerDto, 'Who took the answer')
  officer: OfficerDto;
}

export class CancelProposalDto {
  @Nested(OfficerDto, 'Who takes it back')
  officer: OfficerDto;
}

class QuestionDto {
  @ApiProperty() category: number;
  @ApiProperty() recipient: AgencyId;
  @ApiProperty({ type: [String] }) disclosers: AgencyId[];
}

export class NoticeSummaryDto {
  @ApiProperty() version: string;
  @ApiProperty() language: string;
  @ApiProperty({ description: 'The language’s own name' }) name: string;
  @ApiProperty({ enum: ['ltr', 'rtl'] }) direction: 'ltr' | 'rtl';
  @ApiProperty({ description: 'False: awaits a translator’s check. Tell the interpreter.' }) checked: boolean;
}

export class NoticesDto {
  @ApiProperty({ type: [NoticeSummaryDto] }) notices: NoticeSummaryDto[];
}

export class ProposalDto {
  @ApiProperty({ format: 'uuid' }) consentId: string;
  @ApiProperty({ description: 'Names the proposal in the record that answers it' }) statementHash: string;
  @ApiProperty({ enum: ['open', 'answered', 'denied', 'cancelled', 'refused', 'lapsed'] }) state: string;
  @ApiPropertyOptional({ description: 'Why the hub refused it' }) code?: string;
  @ApiProperty({ type: [QuestionDto], description: 'Each wants a yes or a no' }) questions: QuestionDto[];
  @ApiProperty({
    type: [WarningDto],
    description: 'What the law gives without a consent: do not ask for what the law already gives',
  })
  warnings: WarningDto[];
  @ApiProperty({ type: [String] }) purposes: string[];
  @ApiProperty({ format: 'date-time' }) validUntil: string;
  @ApiProperty({ format: 'date-time' }) lapsesAt: string;
  @ApiProperty({ type: NoticeSummaryDto }) notice: NoticeSummaryDto;
}

export class ProposalsDto {
  @ApiProperty({ type: [ProposalDto] }) proposals: ProposalDto[];
}

export class AnsweredProposalDto {
  @ApiProperty({ enum: ['waiting', 'answered', 'denied'], description: '`waiting`: another decider has to answer too' })
  state: string;
  @ApiPropertyOptional({ type: ConsentDto, description: 'What the client said yes to' }) consent?: ConsentDto;
}
