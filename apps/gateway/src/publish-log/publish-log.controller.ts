import { Controller, Get, Inject, Req, Res } from '@nestjs/common';
import { ApiOperation, ApiParam, ApiProduces, ApiResponse } from '@nestjs/swagger';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { clearListFile, logKeysFile } from '#envelope';
import { AppError } from '#kernel';
import { parseTilePath } from '#merkle';
import { Public } from '#platform';
import { OpenRoutes } from '../describe-api/open-api.js';
import { LogFiles } from './log-files.js';

/**
 * The log in the layout of C2SP tlog-tiles, for tools that know nothing of us. The log's URL is the gateway's and `/log`:
 * its origin where the edge has no other name.
 */
@Public()
@OpenRoutes('log')
@Controller('log')
export class PublishLogController {
  constructor(@Inject(LogFiles) private readonly files: LogFiles) {}

  @Get('checkpoint')
  @ApiOperation({ summary: 'Newest published checkpoint (C2SP tlog-checkpoint), a signed note' })
  @ApiProduces('text/plain')
  @ApiResponse({ status: 200, content: { 'text/plain': { schema: { type: 'string' } } } })
  checkpoint(@Res() reply: FastifyReply): Promise<void> {
    return this.sendNote('checkpoint', reply);
  }

  @Get('checkpoint.cosigned')
  @ApiOperation({ summary: 'Newest checkpoint that enough witnesses cosigned, with their signature lines' })
  @ApiProduces('text/plain')
  @ApiResponse({ status: 200, content: { 'text/plain': { schema: { type: 'string' } } } })
  cosigned(@Res() reply: FastifyReply): Promise<void> {
    return this.sendNote('checkpoint.cosigned', reply);
  }

  @Get(logKeysFile)
  @ApiOperation({
    summary:
      'How each key of the log follows from the one before: entries `{ entry, proof }`, each with a proof (C2SP tlog-proof)',
  })
  @ApiProduces('application/json')
  @ApiResponse({
    status: 200,
    content: { 'application/json': { schema: { type: 'array', items: { type: 'object' } } } },
  })
  async keys(@Res() reply: FastifyReply): Promise<void> {
    const links = await this.files.note(logKeysFile);
    await reply.header('cache-control', 'public, max-age=1').type('application/json').send(links);
  }

  @Get(clearListFile)
  @ApiOperation({
    summary:
      'Which entries stand in clear, as the newest `clear-list` entry of the log says by its digest: that entry’s index, then a line each',
  })
  @ApiProduces('application/jsonl')
  @ApiResponse({ status: 200, content: { 'application/jsonl': { schema: { type: 'string' } } } })
  async clearList(@Res() reply: FastifyReply): Promise<void> {
    const list = await this.files.note(clearListFile);
    await reply.header('cache-control', 'public, max-age=1').type('application/jsonl').send(list);
  }

  @Get('tile/*')
  @ApiOperation({ summary: 'A tile `<L>/<N>[.p/<W>]` or entry bundle `entries/<N>[.p/<W>]` (C2SP tlog-tiles)' })
  @ApiParam({ name: 'path', type: String, description: 'As 0/x001/x234/067 or entries/000.p/5' })
  @ApiProduces('application/octet-stream')
  @ApiResponse({
    status: 200,
    content: { 'application/octet-stream': { schema: { type: 'string', format: 'binary' } } },
  })
  async tile(
    @Req() { params }: FastifyRequest<{ Params: { '*': string } }>,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    const path = `tile/${params['*']}`;
    if (!parseTilePath(path)) throw new AppError('NOT_FOUND', 'this names no tile');
    const tile = await this.files.tile(path);
    await reply
      .header('cache-control', 'public, max-age=31536000, immutable')
      .type('application/octet-stream')
      .send(tile);
  }

  private async sendNote(name: 'checkpoint' | 'checkpoint.cosigned', reply: FastifyReply): Promise<void> {
    const note = await this.files.note(name);
    await reply.header('cache-control', 'public, max-age=1').type('text/plain; charset=utf-8').send(note);
  }
}
