import { Inject, Injectable } from '@nestjs/common';
import { AppError, type Pseudonym } from '#kernel';
import { KnownConsents } from '../choose-basis/known-consents.js';
import type { ConsentEvidence } from '../domain/consent-evidence.js';
import { evidenceHash } from '../domain/consent-evidence.js';
import type { ToldEvidence } from '../domain/content.js';
import type { KnownConsent } from '../domain/judge-basis.js';
import type { ServedAgency } from '../serve-agencies/served-agency.js';

/** Evidence as the discloser's people see it. */
export interface ExaminedEvidence {
  readonly consentId: string;
  readonly version: number;
  readonly evidence: ConsentEvidence | undefined;
  /** `no`: this is not what the collecting agency signed for. `unknown`: the hub is away, look again. */
  readonly proves: 'yes' | 'no' | 'unknown';
  readonly collectedBy?: string;
}

/** Does what came along show the consent that the request rests on? Checked against the record as its collector signed it. */
@Injectable()
export class ExamineEvidence {
  constructor(@Inject(KnownConsents) private readonly known: KnownConsents) {}

  async examine(
    agency: ServedAgency,
    subjects: readonly Pseudonym[],
    told: readonly ToldEvidence[],
  ): Promise<ExaminedEvidence[]> {
    if (told.length === 0) return [];
    const known = await this.knownAbout(agency, subjects);
    return Promise.all(told.map((one) => this.examineOne(one, known)));
  }

  private async examineOne(
    { consentId, version, evidence, salt }: ToldEvidence,
    known: readonly KnownConsent[] | undefined,
  ): Promise<ExaminedEvidence> {
    const shown = { consentId, version, evidence: readEvidence(evidence) };
    if (!known) return { ...shown, proves: 'unknown' };
    const consent = known.find((one) => one.id === consentId && one.version === version);
    if (!consent) return { ...shown, proves: 'no' };
    const { collectingAgency, evidenceHash: signed } = consent.record;
    const right = signed === evidenceHash(evidence, salt) && (await this.known.isSigned(consent));
    return { ...shown, proves: right ? 'yes' : 'no', collectedBy: collectingAgency };
  }

  private async knownAbout(
    agency: ServedAgency,
    subjects: readonly Pseudonym[],
  ): Promise<readonly KnownConsent[] | undefined> {
    try {
      return (await this.known.aboutAll(agency, subjects)).consents;
    } catch (error) {
      if (error instanceof AppError) return undefined;
      throw error;
    }
  }
}

/** Another agency's text: what cannot be read is not shown. */
function readEvidence(text: string): ConsentEvidence | undefined {
  try {
    const value: unknown = JSON.parse(text);
    const readable = typeof value === 'object' && value !== null && 'shows' in value && typeof value.shows === 'string';
    return readable ? (value as ConsentEvidence) : undefined;
  } catch {
    return undefined;
  }
}
