import { createHash, randomBytes } from 'node:crypto';
import { canonicalJson, type Sha256 } from '#kernel';
import type { Officer } from './content.js';

/** What shows that somebody agreed. Kept at the agency that collected it, told to the discloser inside the sealed request. */
export interface ConsentEvidence {
  /** In words: the signed paper and where it lies, what was said, what was shown on the screen. */
  readonly shows: string;
  readonly method: 'oral-once' | 'written' | 'electronic';
  readonly language: string;
  readonly collectedAt: string;
  readonly interpreter?: string;
  readonly witness?: Officer;
}

/** The form in which it is hashed, kept and told. */
export const evidenceText = (evidence: ConsentEvidence): string => canonicalJson(evidence);

export const newSalt = (): string => randomBytes(16).toString('base64url');

/** SHA-256 over salt and evidence, separated by a zero byte: the hub learns nothing by guessing, the discloser can check it. */
export const evidenceHash = (evidence: string, salt: string): Sha256 =>
  createHash('sha256').update(`${salt}\0${evidence}`, 'utf8').digest('base64url') as Sha256;
