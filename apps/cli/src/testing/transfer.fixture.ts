import {
  type KeyRecord,
  type MessageContext,
  type Permit,
  type SigningKey,
  generateReceivingKey,
  generateSigningKey,
  readManifest,
  readReleaseRequest,
  signManifest,
  signPermit,
  signReleaseRequest,
  signStatement,
  statementHash,
} from '#envelope';
import {
  type AgencyId,
  type ConsentId,
  type ExchangeId,
  type Pseudonym,
  type Sha256,
  agencyId,
  newConsentId,
  newExchangeId,
  newMessageId,
  numericDate,
  sha256,
  unwrap,
} from '#kernel';
import { type WitnessPolicy, openCheckpoint } from '#merkle';
import { trustedKeys } from '../domain/log-keys.js';
import type { EvidencedLine } from '../domain/body-line.js';
import { LogFolder } from '../infra/log-folder.js';
import { type MadeEvidence, makeEvidence } from '../make-evidence/make-evidence.js';
import { SmallLog } from './small-log.fixture.js';

const at = new Date('2026-11-24T10:00:00.000Z');
const later = (seconds: number): Date => new Date(at.getTime() + seconds * 1_000);

export const sender = agencyId('H-03');
export const recipient = agencyId('K-235');

/** A log in which one consent was recorded and one answer, resting on it, was accepted and opened; beside other entries. */
export class SmallTransfer {
  readonly log = new SmallLog();
  readonly exchangeId: ExchangeId = newExchangeId();
  readonly consentId: ConsentId = newConsentId();
  readonly lines: EvidencedLine[] = [];
  permitKey!: SigningKey;
  senderKey!: SigningKey;
  recipientKey!: SigningKey;

  static async make(): Promise<SmallTransfer> {
    const transfer = new SmallTransfer();
    await transfer.fill();
    return transfer;
  }

  /** The manifest with its hash, as its sender signed it. */
  async message(members: Partial<MessageContext> = {}): Promise<{ manifest: string; hash: Sha256 }> {
    const context: MessageContext = {
      v: 1,
      suite: 'KV1',
      messageId: newMessageId(),
      exchangeId: this.exchangeId,
      kind: 'answer',
      inReplyTo: sha256('request'),
      sender,
      recipient,
      recipientKey: (await generateReceivingKey()).kid,
      subjects: [`p1.${'A'.repeat(43)}` as Pseudonym],
      purpose: 'plan',
      categories: [12],
      basis: this.basis(),
      iat: numericDate(at),
      exp: numericDate(later(86_400)),
      blobs: [],
      ...members,
    };
    const manifest = await signManifest(
      { context, outerHash: sha256('outer'), capsuleHash: sha256('capsule') },
      this.senderKey,
    );
    return { manifest, hash: unwrap(readManifest(manifest)).manifestHash };
  }

  permit(manifestHash: Sha256, releaseRequestHash: Sha256, key = this.permitKey): Promise<string> {
    const iat = numericDate(later(60));
    const permit: Permit = { manifestHash, releaseRequestHash, basis: this.basis(), use: 'first', iat, exp: iat + 10 };
    return signPermit(permit, key);
  }

  async bundle({
    note = this.log.checkpoint(),
    ...more
  }: {
    readonly receipts?: readonly string[];
    readonly madeBy?: AgencyId;
    /** Perhaps of an earlier size, and cosigned. */
    readonly note?: string;
    readonly policy?: WitnessPolicy;
  } = {}): Promise<MadeEvidence> {
    const checkpoint = unwrap(openCheckpoint(note, (await trustedKeys(this.log.verifierKey, this.log.keyLinks)).keys));
    return makeEvidence({
      exchangeId: this.exchangeId,
      madeBy: agencyId('A-TSV'),
      madeAt: new Date('2026-11-25T08:00:00Z'),
      language: 'fi',
      lines: this.lines,
      log: new LogFolder(this.folder),
      checkpoint,
      published: this.log.size,
      verifierKey: this.log.verifierKey,
      receipts: [],
      ...more,
    });
  }

  folder = '';

  async exportTo(folder: string): Promise<void> {
    this.folder = folder;
    await this.log.export(folder);
  }

  private basis(): MessageContext['basis'] {
    return [
      {
        categories: [12],
        processing: { sender: '681/2023-86', recipient: '681/2023-86' },
        secrecyLift: { consent: { id: this.consentId, version: 1 } },
      },
    ];
  }

  private async fill(): Promise<void> {
    const { log } = this;
    [this.senderKey, this.recipientKey, this.permitKey] = await Promise.all([
      generateSigningKey(),
      generateSigningKey(),
      generateSigningKey(),
    ]);
    const hubKey = await signStatement(
      'hub-key',
      {
        service: 'consent',
        use: 'permit',
        jwk: this.permitKey.publicJwk,
        useFrom: '2026-01-01T00:00:00Z',
        useUntil: '2036-01-01T00:00:00Z',
        iat: numericDate(at),
      },
      await generateSigningKey(),
    );
    log.addRecord({ type: 'hub-key', record: hubKey });
    log.addRecord({ type: 'agency-key', record: await keyRecord(sender, this.senderKey) });
    for (let n = 0; n < 300; n += 1) log.addOpaque();
    log.addRecord({ type: 'agency-key', record: await keyRecord(recipient, this.recipientKey) });
    const consent = await signStatement(
      'consent',
      {
        v: 1,
        id: this.consentId,
        version: 1,
        subject: `p1.${'A'.repeat(43)}` as Pseudonym,
        standing: 'adult',
        deciders: [{ role: 'self' }],
        collectingAgency: recipient,
        grants: [{ category: 12, disclosers: [sender], recipients: [recipient] }],
        purposes: ['plan'],
        uses: { kind: 'once' },
        validFrom: '2026-11-01T00:00:00Z',
        validUntil: '2027-05-31T20:59:59Z',
        method: 'written',
        interpreter: false,
        language: 'fi',
        noticeVersion: '2026-1',
        collectedAt: '2026-11-01T00:00:00Z',
      },
      this.recipientKey,
    );
    this.add(
      { type: 'consent-recorded', sender: recipient, recipient: sender, consent: { id: this.consentId, version: 1 } },
      { consent },
      at,
    );
    const { manifest, hash } = await this.message();
    const { context } = unwrap(readManifest(manifest));
    const said = {
      exchangeId: this.exchangeId,
      messageId: context.messageId,
      manifestHash: hash,
      sender,
      recipient,
      subjects: context.subjects,
      categories: [12],
      basis: this.basis(),
      purpose: 'plan',
    };
    this.add({ type: 'message-accepted', seq: 1, ...said }, { manifest }, later(30));
    const request = await signReleaseRequest(
      {
        manifestHash: hash,
        agency: recipient,
        worker: 'w-17',
        jti: 'abcdefghijklmnopqrstuv',
        iat: numericDate(later(59)),
      },
      this.recipientKey,
    );
    const permit = await this.permit(hash, unwrap(readReleaseRequest(request)).hash);
    this.add(
      { type: 'message-released', ...said, actor: { agency: recipient, worker: 'w-17' } },
      { 'release-request': request, permit },
      later(61),
      { manifest },
    );
    for (let n = 0; n < 20; n += 1) log.addOpaque();
  }

  private add(
    members: Parameters<SmallLog['addOpaque']>[0],
    tokens: Readonly<Record<string, string>>,
    when: Date,
    named: Readonly<Record<string, string>> = {},
  ): void {
    const evidence = Object.fromEntries(
      Object.entries({ ...tokens, ...named }).map(([kind, token]) => [kind, statementHash(token)]),
    );
    const index = this.log.addOpaque({
      ...members,
      at: when.toISOString(),
      evidence,
    });
    const line = this.log.bodies.find((body) => body.index === index);
    if (!line) throw new Error('no body');
    this.lines.push({ ...line, statements: Object.entries(tokens).map(([kind, token]) => ({ kind, token })) });
  }
}

const keyRecord = (agency: AgencyId, key: SigningKey, use: KeyRecord['use'] = 'signing'): Promise<string> =>
  signStatement(
    'agency-key',
    {
      v: 1,
      agency,
      use,
      jwk: key.publicJwk,
      notBefore: '2026-01-01T00:00:00Z',
      notAfter: '2028-01-01T00:00:00Z',
      iat: numericDate(new Date('2026-01-01T00:00:00Z')),
    },
    key,
  );
