import { Controller, Get, Inject, Param } from '@nestjs/common';
import { ApiBearerAuth, ApiOperation, ApiProperty, ApiResponse, ApiTags } from '@nestjs/swagger';
import { AppError, isAgencyId } from '#kernel';
import { Caller, type CallingSystem } from '../authenticate-system/calling-system.js';
import { ClientStore } from '../infra/client-store.js';

class DisclosureViewDto {
  @ApiProperty({ enum: [1] }) v: 1;
  @ApiProperty() agency: string;
  @ApiProperty() counterpart: string;
  @ApiProperty({ type: [String], description: 'Hashes of the manifests of messages that the hub took from here' })
  sent: string[];
  @ApiProperty({ type: [String], description: 'The same of messages that it brought here' }) received: string[];
}

/** What this agency's own store says went between it and another one, to be compared with the other's: by hash alone. */
@ApiTags('exchanges')
@ApiBearerAuth()
@Controller('v1/disclosures')
export class ShowDisclosuresController {
  constructor(@Inject(ClientStore) private readonly store: ClientStore) {}

  @Get('view/:counterpart')
  @ApiOperation({
    summary:
      'Hashes of all messages between this agency and another: for a reconciliation (kotovayla reconcile). What is still on its way shows on one side only.',
  })
  @ApiResponse({ status: 200, type: DisclosureViewDto })
  async view(
    @Caller() { agency }: CallingSystem,
    @Param('counterpart') counterpart: string,
  ): Promise<DisclosureViewDto> {
    if (!isAgencyId(counterpart)) throw new AppError('MALFORMED', undefined, { field: 'counterpart' });
    const { sent, received } = await this.store.wentBetween(agency.id, counterpart);
    return { v: 1, agency: agency.id, counterpart, sent, received };
  }
}
