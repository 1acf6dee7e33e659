import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { IsIn, IsOptional } from 'class-validator';
import { ClientDto, Nested, OfficerDto, OptionalCodeWord, OptionalNested } from '../describe-api/shared.dto.js';

const channels = ['in-person', 'telephone', 'letter', 'electronic'] as const;
/** Acts about a consent that was recorded; a proposal is answered or cancelled. */
const acts = ['withdraw', 'suspend', 'resume', 'revoke', 'invalidate', 'end-plan', 'verify-mandate'] as const;
const actors = ['subject', 'decider', 'authority'] as const;

class ToldActDto {
  @ApiPropertyOptional({ enum: channels, default: 'in-person', description: 'How the agency was told' })
  @IsOptional()
  @IsIn(channels)
  channel: (typeof channels)[number] = 'in-person';

  @Nested(OfficerDto, 'Who took it')
  officer: OfficerDto;

  @OptionalNested(ClientDto, 'Whose consent; needed for one that another agency collected')
  client?: ClientDto;

  @OptionalNested(ClientDto, 'Who decides for the person, where that one acts')
  decider?: ClientDto;
}

export class WithdrawDto extends ToldActDto {}

export class ActDto extends ToldActDto {
  @ApiProperty({ enum: acts })
  @IsIn(acts)
  act: (typeof acts)[number];

  @ApiProperty({ enum: actors, description: 'Whose act it is' })
  @IsIn(actors)
  by: (typeof actors)[number];

  @OptionalCodeWord('Why an authority acts, as a code. A person gives no reasons.')
  reason?: string;
}
