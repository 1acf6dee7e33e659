import { Inject, Injectable } from '@nestjs/common';
import { AppError, type ConsentId } from '#kernel';
import { Notices } from '../give-notice/notices.js';
import { ConsentStore, type NamedDecider } from '../infra/consent-store.js';
import { ProposalStore } from '../infra/proposal-store.js';
import { Directory } from '../look-up-directory/directory.js';
import type { ClientIdentity } from '../send-message/seal-outgoing.js';
import type { ServedAgency } from '../serve-agencies/served-agency.js';
import { agreedPage, type PageSetting, proposalPage } from './client-page.js';

/** One page for the client, to be printed. */
@Injectable()
export class PrintPage {
  constructor(
    @Inject(ProposalStore) private readonly proposals: ProposalStore,
    @Inject(ConsentStore) private readonly consents: ConsentStore,
    @Inject(Directory) private readonly directory: Directory,
    @Inject(Notices) private readonly notices: Notices,
  ) {}

  /** @throws AppError NOT_FOUND */
  async proposal(agency: ServedAgency, id: ConsentId, reader?: number): Promise<string> {
    const kept = await this.proposals.find(agency.id, id);
    if (!kept) throw new AppError('NOT_FOUND');
    const { proposal, client, officer, warnings } = kept;
    const deciders = kept.deciders.map(({ named }) => named);
    const setting = await this.setting(proposal, { client, deciders, officer, reader });
    return proposalPage(proposal, warnings, setting);
  }

  /** What was agreed to. @throws AppError NOT_FOUND, NOTICE_UNKNOWN (collected with a notice from elsewhere) */
  async agreed(agency: ServedAgency, id: ConsentId, reader?: number): Promise<string> {
    const kept = await this.consents.find(agency.id, id);
    if (!kept) throw new AppError('NOT_FOUND');
    const { record, client, deciders, officer } = kept;
    const setting = await this.setting(record, {
      client: client ?? undefined,
      deciders: deciders ?? [],
      officer: officer ?? undefined,
      reader,
    });
    return agreedPage(record, setting);
  }

  /** @param reader which decider reads it; without it nobody whose view is limited may be among them */
  private async setting(
    { language, noticeVersion }: { readonly language: string; readonly noticeVersion: string },
    who: {
      readonly client: ClientIdentity | undefined;
      readonly deciders: readonly NamedDecider[];
      readonly officer: PageSetting['officer'];
      readonly reader: number | undefined;
    },
  ): Promise<PageSetting> {
    const { client, deciders, officer, reader } = who;
    const readers = reader === undefined ? deciders : deciders.slice(reader, reader + 1);
    if (reader !== undefined && readers.length === 0) throw new AppError('NOT_FOUND', 'there is no such decider');
    return {
      notice: this.notices.get(language, noticeVersion),
      names: await this.directory.agencyNames(),
      namesWithheld: readers.some(({ namesWithheld }) => namesWithheld === true),
      person: client?.name ?? '',
      deciders: deciders.flatMap(({ person }) => person?.name ?? []),
      officer,
    };
  }
}
