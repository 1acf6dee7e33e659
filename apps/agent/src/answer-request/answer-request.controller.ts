import { Body, Controller, HttpCode, Inject, Param, ParseUUIDPipe, Post } from '@nestjs/common';
import { ApiBearerAuth, ApiOperation, ApiResponse, ApiTags } from '@nestjs/swagger';
import type { MessageId } from '#kernel';
import { Caller, type CallingSystem } from '../authenticate-system/calling-system.js';
import { AnswerDto, ApproveDto, AskBackDto, RefuseDto, ReplyStateDto } from './answer.dto.js';
import { AnswerRequest, type ReplyState } from './answer-request.handler.js';

@ApiTags('answering')
@ApiBearerAuth()
@Controller('v1/inbox/:messageId')
export class AnswerRequestController {
  constructor(@Inject(AnswerRequest) private readonly handler: AnswerRequest) {}

  @Post('approve')
  @HttpCode(200)
  @ApiOperation({ summary: 'Approve drafts, and refuse other categories, by name, title and unit' })
  @ApiResponse({ status: 200, type: ReplyStateDto })
  async approve(
    @Caller() { agency }: CallingSystem,
    @Param('messageId', ParseUUIDPipe) messageId: MessageId,
    @Body() body: ApproveDto,
  ): Promise<ReplyStateDto> {
    return shown(await this.handler.approve(agency, messageId, body));
  }

  @Post('refuse')
  @HttpCode(200)
  @ApiOperation({ summary: 'Refuse categories, each with a reason of the catalogue' })
  @ApiResponse({ status: 200, type: ReplyStateDto })
  async refuse(
    @Caller() { agency }: CallingSystem,
    @Param('messageId', ParseUUIDPipe) messageId: MessageId,
    @Body() body: RefuseDto,
  ): Promise<ReplyStateDto> {
    return shown(await this.handler.refuse(agency, messageId, body));
  }

  @Post('answer')
  @HttpCode(200)
  @ApiOperation({ summary: 'Answer categories by hand' })
  @ApiResponse({ status: 200, type: ReplyStateDto })
  async answer(
    @Caller() { agency }: CallingSystem,
    @Param('messageId', ParseUUIDPipe) messageId: MessageId,
    @Body() body: AnswerDto,
  ): Promise<ReplyStateDto> {
    return shown(await this.handler.answer(agency, messageId, body));
  }

  @Post('clarify')
  @HttpCode(202)
  @ApiOperation({ summary: 'Ask back; the clarified request comes as a new message of the same exchange' })
  @ApiResponse({ status: 202, type: ReplyStateDto })
  async clarify(
    @Caller() { agency }: CallingSystem,
    @Param('messageId', ParseUUIDPipe) messageId: MessageId,
    @Body() body: AskBackDto,
  ): Promise<ReplyStateDto> {
    await this.handler.askBack(agency, messageId, body);
    return shown(await this.handler.replyState(agency, messageId));
  }
}

const shown = ({ reply, notBefore, undecided }: ReplyState): ReplyStateDto => ({
  reply,
  ...(notBefore === undefined ? {} : { notBefore: notBefore.toISOString() }),
  undecided: [...undecided],
});
