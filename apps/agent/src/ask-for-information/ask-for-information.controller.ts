import { Body, Controller, HttpCode, Inject, Param, ParseUUIDPipe, Post } from '@nestjs/common';
import { ApiBearerAuth, ApiOperation, ApiResponse, ApiTags } from '@nestjs/swagger';
import { AppError, type ExchangeId } from '#kernel';
import { Caller, type CallingSystem } from '../authenticate-system/calling-system.js';
import { OpenedExchangeDto } from '../describe-api/shared.dto.js';
import { AskDto, AskedDto, CheckedDto, ClarifyReplyDto, ForwardDto } from './ask.dto.js';
import { AskForInformation, type Question } from './ask-for-information.handler.js';
import { shownExchange } from './show-exchange.js';

@ApiTags('asking')
@ApiBearerAuth()
@Controller('v1')
export class AskForInformationController {
  constructor(@Inject(AskForInformation) private readonly handler: AskForInformation) {}

  @Post('requests')
  @HttpCode(202)
  @ApiOperation({ summary: 'Ask for information about a client; the agent routes, chooses the basis, seals and sends' })
  @ApiResponse({ status: 202, type: AskedDto })
  async ask(@Caller() { agency }: CallingSystem, @Body() body: AskDto): Promise<AskedDto> {
    return { exchanges: (await this.handler.ask(agency, questionOf(body))).map(shownExchange) };
  }

  @Post('requests/check')
  @HttpCode(200)
  @ApiOperation({
    summary: 'Would this request be allowed? All reasons, the basis chosen, and where to look first. Nothing is sent.',
  })
  @ApiResponse({ status: 200, type: CheckedDto })
  async check(@Caller() { agency }: CallingSystem, @Body() body: AskDto): Promise<CheckedDto> {
    const checked = await this.handler.check(agency, questionOf(body));
    return {
      exchanges: checked.map((one) => ({
        ...one,
        categories: [...one.categories],
        reasons: [...one.reasons],
        basis: [...one.basis],
        firstLook: [...one.firstLook],
      })),
    };
  }

  @Post('exchanges/:id/clarify-reply')
  @HttpCode(202)
  @ApiOperation({ summary: 'Answer a question back: the request again, made clear' })
  @ApiResponse({ status: 202, type: OpenedExchangeDto })
  async clarify(
    @Caller() { agency }: CallingSystem,
    @Param('id', ParseUUIDPipe) id: ExchangeId,
    @Body() body: ClarifyReplyDto,
  ): Promise<OpenedExchangeDto> {
    return shownExchange(await this.handler.clarify(agency, id, body));
  }

  @Post('exchanges/:id/forward')
  @HttpCode(202)
  @ApiOperation({
    summary: 'After `not-holder`: seal the request again to the holder that was named, in a linked exchange',
  })
  @ApiResponse({ status: 202, type: OpenedExchangeDto })
  async forward(
    @Caller() { agency }: CallingSystem,
    @Param('id', ParseUUIDPipe) id: ExchangeId,
    @Body() body: ForwardDto,
  ): Promise<OpenedExchangeDto> {
    return shownExchange(await this.handler.forward(agency, id, body.recipient));
  }
}

/** @throws AppError MALFORMED where neither or both of `client` and `clients` are named */
function questionOf({ client, clients, ...rest }: AskDto): Question {
  if ((client === undefined) === (clients === undefined))
    throw new AppError('MALFORMED', 'name the client or the clients', { members: ['client', 'clients'] });
  return { ...rest, clients: clients ?? (client ? [client] : []) };
}
