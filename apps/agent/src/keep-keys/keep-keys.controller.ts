import { Body, Controller, HttpCode, Inject, Param, Post } from '@nestjs/common';
import { ApiBearerAuth, ApiOperation, ApiResponse, ApiTags } from '@nestjs/swagger';
import { AppError, isThumbprint } from '#kernel';
import { Caller, type CallingSystem } from '../authenticate-system/calling-system.js';
import { OnboardAgency } from '../onboard-agency/onboard-agency.handler.js';
import { KeysDto } from '../onboard-agency/onboarding.dto.js';
import { RotateKeysDto } from './keep-keys.dto.js';
import { RecoveryKey } from './recovery-key.js';
import { ReplaceKeys } from './replace-keys.handler.js';
import { RotateKeys } from './rotate-keys.handler.js';

@ApiTags('keys')
@ApiBearerAuth()
@Controller('v1/keys')
export class KeepKeysController {
  constructor(
    @Inject(OnboardAgency) private readonly shown: OnboardAgency,
    @Inject(RotateKeys) private readonly rotation: RotateKeys,
    @Inject(ReplaceKeys) private readonly replacement: ReplaceKeys,
    @Inject(RecoveryKey) private readonly recovery: RecoveryKey,
  ) {}

  @Post('rotate')
  @HttpCode(202)
  @ApiOperation({
    summary: 'New keys in the place of the present ones, which are accepted beside them until the overlap is over',
  })
  @ApiResponse({ status: 202, type: KeysDto })
  async rotate(@Caller() { agency }: CallingSystem, @Body() { uses }: RotateKeysDto): Promise<KeysDto> {
    await this.rotation.rotate(agency, uses);
    return this.shown.keys(agency);
  }

  @Post('recover')
  @HttpCode(202)
  @ApiOperation({
    summary: 'After a loss: new keys on the recovery key’s word, and those that are no longer held are revoked at once',
  })
  @ApiResponse({ status: 202, type: KeysDto })
  async recover(@Caller() { agency }: CallingSystem): Promise<KeysDto> {
    await this.replacement.recover(agency);
    return this.shown.keys(agency);
  }

  @Post('recovery/move-offline')
  @HttpCode(200)
  @ApiOperation({ summary: 'Move the recovery key from the vault to the medium that the settings name' })
  @ApiResponse({ status: 200, type: KeysDto })
  async moveOffline(@Caller() { agency }: CallingSystem): Promise<KeysDto> {
    await this.recovery.moveOffline(agency);
    return this.shown.keys(agency);
  }

  @Post(':thumbprint/revoke')
  @HttpCode(200)
  @ApiOperation({ summary: 'Revoke a key at once. Where it was the last of its use, a new one takes its place.' })
  @ApiResponse({ status: 200, type: KeysDto })
  async revoke(@Caller() { agency }: CallingSystem, @Param('thumbprint') thumbprint: string): Promise<KeysDto> {
    if (!isThumbprint(thumbprint)) throw new AppError('NOT_FOUND');
    await this.replacement.revoke(agency, thumbprint);
    return this.shown.keys(agency);
  }
}
