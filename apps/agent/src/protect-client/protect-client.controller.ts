import { Body, Controller, HttpCode, Inject, Post } from '@nestjs/common';
import { ApiBearerAuth, ApiOperation, ApiProperty, ApiResponse, ApiTags } from '@nestjs/swagger';
import type { Clock } from '#kernel';
import { CLOCK, Database } from '#platform';
import { IsBoolean } from 'class-validator';
import { Caller, type CallingSystem } from '../authenticate-system/calling-system.js';
import { ClientDto, Nested } from '../describe-api/shared.dto.js';
import { ProtectedClients } from '../infra/protected-clients.js';

export class ProtectClientDto {
  @Nested(ClientDto, 'Whose turvakielto begins or ends')
  client: ClientDto;

  @ApiProperty()
  @IsBoolean()
  protected: boolean;
}

class ProtectionDto {
  @ApiProperty() protected: boolean;
}

/** The mark goes along inside sealed messages only; the hub never learns of it. */
@ApiTags('clients')
@ApiBearerAuth()
@Controller('v1/clients/protection')
export class ProtectClientController {
  constructor(
    @Inject(ProtectedClients) private readonly clients: ProtectedClients,
    @Inject(Database) private readonly database: Database,
    @Inject(CLOCK) private readonly clock: Clock,
  ) {}

  @Post()
  @HttpCode(200)
  @ApiOperation({
    summary: 'Mark a client with a turvakielto, or take the mark away: it travels with messages and narrows answers',
  })
  @ApiResponse({ status: 200, type: ProtectionDto })
  async protect(@Caller() { agency }: CallingSystem, @Body() body: ProtectClientDto): Promise<ProtectionDto> {
    await this.clients.set(this.database, agency.id, body.client, body.protected, this.clock.now());
    return { protected: body.protected };
  }
}
