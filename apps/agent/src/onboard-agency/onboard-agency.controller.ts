import { Body, Controller, Get, HttpCode, Inject, Post } from '@nestjs/common';
import { ApiBearerAuth, ApiOperation, ApiResponse, ApiTags } from '@nestjs/swagger';
import { Caller, type CallingSystem } from '../authenticate-system/calling-system.js';
import { KeysDto, RotatedPseudonymKeyDto, RotatePseudonymKeyDto, SharedDto, ShareDto } from './onboarding.dto.js';
import { OnboardAgency } from './onboard-agency.handler.js';

@ApiTags('keys')
@ApiBearerAuth()
@Controller('v1')
export class OnboardAgencyController {
  constructor(@Inject(OnboardAgency) private readonly handler: OnboardAgency) {}

  @Get('keys')
  @ApiOperation({ summary: 'Keys of this agency, by thumbprint, and where the log shows them' })
  @ApiResponse({ status: 200, type: KeysDto })
  async keys(@Caller() { agency }: CallingSystem): Promise<KeysDto> {
    return this.handler.keys(agency);
  }

  @Post('onboarding/keys')
  @ApiOperation({ summary: 'Make the keys that are missing' })
  @ApiResponse({ status: 201, type: KeysDto })
  async make(@Caller() { agency }: CallingSystem): Promise<KeysDto> {
    return this.handler.makeKeys(agency);
  }

  @Post('onboarding/publish')
  @HttpCode(202)
  @ApiOperation({ summary: 'Publish the records of keys that the log does not show yet' })
  @ApiResponse({ status: 202, type: KeysDto })
  async publish(@Caller() { agency }: CallingSystem): Promise<KeysDto> {
    return this.handler.publish(agency);
  }

  @Post('onboarding/pseudonym-key')
  @ApiOperation({ summary: 'The first agency makes the pseudonym key that all agencies share' })
  @ApiResponse({ status: 201, type: KeysDto })
  async makePseudonymKey(@Caller() { agency }: CallingSystem): Promise<KeysDto> {
    return this.handler.makePseudonymKey(agency);
  }

  @Post('onboarding/pseudonym-key/share')
  @HttpCode(202)
  @ApiOperation({ summary: 'Seal the pseudonym key to another agency' })
  @ApiResponse({ status: 202, type: SharedDto })
  async share(@Caller() { agency }: CallingSystem, @Body() body: ShareDto): Promise<SharedDto> {
    return this.handler.sharePseudonymKey(agency, body.agency);
  }

  @Post('pseudonym-key/rotate')
  @HttpCode(202)
  @ApiOperation({
    summary: 'The first agency makes the next pseudonym key; from a moment on all use it and re-sign their consents',
  })
  @ApiResponse({ status: 202, type: RotatedPseudonymKeyDto })
  async rotatePseudonymKey(
    @Caller() { agency }: CallingSystem,
    @Body() { useAfterSeconds }: RotatePseudonymKeyDto,
  ): Promise<RotatedPseudonymKeyDto> {
    return this.handler.rotatePseudonymKey(agency, useAfterSeconds);
  }
}
