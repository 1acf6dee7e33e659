import { ApiPropertyOptional } from '@nestjs/swagger';
import { IsOptional, Matches } from 'class-validator';
import type { Caller } from '../authenticate-caller/caller.js';

/** Case worker's pseudonym. */
export const WORKER = /^[A-Za-z0-9._:-]{1,128}$/;

/** Query of a look for which no statement is signed. */
export class LookQuery {
  @ApiPropertyOptional({ description: 'The case worker who asks, by the agency’s pseudonym: stands in the entry' })
  @IsOptional()
  @Matches(WORKER)
  askedBy?: string;
}

/** How audit is told who calls: the agency of the token, and whether it was given for supervising. */
export const whoCalls = ({ agency, scopes }: Caller): { agency: string; supervising: boolean } => ({
  agency,
  supervising: scopes.includes('supervise'),
});

/** The same, with what the auditor signed of the question. */
export const whoAsks = (caller: Caller, { askedBy = '' }: LookQuery = {}) => ({
  ...whoCalls(caller),
  worker: askedBy,
  look: caller.look,
});
