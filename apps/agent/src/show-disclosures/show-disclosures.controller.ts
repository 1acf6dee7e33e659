import { Controller, Get, Inject, Param } from '@nestjs/common';
import { ApiBearerAuth, ApiOperation, ApiProperty, ApiResponse, ApiTags } from '@nestjs/swagger';
import { type UnopenedEnd, disclosureViewHash, signStatement, unopenedEnds } from '#envelope';
import { AppError, type Clock, isAgencyId, numericDate } from '#kernel';
import { CLOCK } from '#platform';
import { Caller, type CallingSystem } from '../authenticate-system/calling-system.js';
import { ClientStore } from '../infra/client-store.js';

class EndedMessageDto {
  @ApiProperty() hash: string;
  @ApiProperty({ enum: unopenedEnds }) as: UnopenedEnd;
}

class DisclosureViewDto {
  @ApiProperty({ enum: [1] }) v: 1;
  @ApiProperty() agency: string;
  @ApiProperty() counterpart: string;
  @ApiProperty({ type: [String], description: 'Hashes of the manifests of messages that the hub took from here' })
  sent: string[];
  @ApiProperty({ type: [String], description: 'The same of messages that it brought here' }) received: string[];
  @ApiProperty({
    type: [EndedMessageDto],
    description: 'Of those sent, the ones that may have ended before they arrived',
  })
  ended: EndedMessageDto[];
  @ApiProperty({ description: 'JWS by this agency’s signing key over the hash of the rest' }) statement: string;
}

/** What this agency's own store says went between it and another one, to be compared with the other's: by hash alone. */
@ApiTags('exchanges')
@ApiBearerAuth()
@Controller('v1/disclosures')
export class ShowDisclosuresController {
  constructor(
    @Inject(ClientStore) private readonly store: ClientStore,
    @Inject(CLOCK) private readonly clock: Clock,
  ) {}

  @Get('view/:counterpart')
  @ApiOperation({
    summary:
      'Hashes of all messages between this agency and another, signed: for a reconciliation (kotovayla reconcile). What is still on its way shows on one side only.',
  })
  @ApiResponse({ status: 200, type: DisclosureViewDto })
  async view(
    @Caller() { agency }: CallingSystem,
    @Param('counterpart') counterpart: string,
  ): Promise<DisclosureViewDto> {
    if (!isAgencyId(counterpart)) throw new AppError('MALFORMED', undefined, { field: 'counterpart' });
    const view = await this.store.wentBetween(agency.id, counterpart);
    const { sent, received, ended } = view;
    const said = { v: 1, agency: agency.id, counterpart, viewHash: disclosureViewHash(view) } as const;
    const signed = { ...said, iat: numericDate(this.clock.now()) };
    const statement = await signStatement('disclosure-view', signed, agency.signingKey());
    const lists = { sent: [...sent], received: [...received], ended: ended.map((one) => ({ ...one })) };
    return { v: 1, agency: agency.id, counterpart, ...lists, statement };
  }
}
