import { randomBytes, randomUUID } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { compactDecrypt, type JWK } from 'jose';
import pg from 'pg';
import {
  AuditServiceClient,
  ConsentEvent,
  ConsentServiceClient,
  ExchangeServiceClient,
  LogRecord,
  type MailboxItem,
  type ReleaseResult,
  topics,
} from '#contracts';
import {
  generateReceivingKey,
  generateSigningKey,
  importReceivingKey,
  importRecipientKey,
  importSigningKey,
  importVerificationKey,
  type LogBody,
  type MessageContext,
  openCapsule,
  openMessage,
  openReleasedKey,
  type Outcome,
  type Permit,
  readReleaseRequest,
  type ReceivingKey,
  type SealedMessage,
  sealReleasedKey,
  signPermit,
  signStatement,
  type SigningKey,
  verifyReceipt,
  verifyStatement,
} from '#envelope';
import { canonicalJson, type ConsentId, newConsentId, newEventId, numericDate, type Result, unwrap } from '#kernel';
import { KafkaLog } from '#messaging';
import { type GrpcClient, grpcClient } from '#platform';
import { parseVerifierKey } from '#merkle';
import { testStack } from '#testing';
import { byConsent, type HubAgency } from './hub-agency.js';
import { type RunningHub, startTestHub, until } from './running-hub.js';

/**
 * One service of the hub at a time is in a stranger's hands, with its keys, its place in the network and its topics; the
 * others are as they should be. Each case is what the stranger tries, and who stops it.
 */
describe('compromised', () => {
  let hub: RunningHub;
  let municipality: HubAgency;
  let county: HubAgency;
  let kela: HubAgency;
  let audit: GrpcClient<AuditServiceClient>;
  let consent: GrpcClient<ConsentServiceClient>;
  let exchange: GrpcClient<ExchangeServiceClient>;
  let kafka: KafkaLog;
  let stranger: SigningKey;

  beforeAll(async () => {
    hub = await startTestHub();
    const { AUDIT_GRPC, CONSENT_GRPC, EXCHANGE_GRPC } = hub.hub.peers;
    audit = grpcClient(AuditServiceClient, AUDIT_GRPC, { deadlineMs: 30_000 });
    consent = grpcClient(ConsentServiceClient, CONSENT_GRPC, { deadlineMs: 30_000 });
    exchange = grpcClient(ExchangeServiceClient, EXCHANGE_GRPC, { deadlineMs: 30_000 });
    kafka = new KafkaLog({
      brokers: [...testStack().kafkaBrokers],
      clientId: 'compromised',
      topicPrefix: hub.topicPrefix,
    });
    [municipality, county, kela, stranger] = await Promise.all([
      hub.agency('K-235'),
      hub.agency('H-03'),
      hub.agency('L-KELA'),
      generateSigningKey(),
      kafka.connect(),
    ]);
  }, 180_000);

  afterAll(async () => {
    for (const client of [audit, consent, exchange]) client?.close();
    await kafka?.disconnect();
    await hub?.stop();
  });

  interface Delivered {
    readonly context: MessageContext;
    readonly message: SealedMessage;
    /** The event of its acceptance, where that is not in the log. */
    readonly accepted?: LogRecord;
  }

  /** Accepted, logged, and in the county's mailbox. */
  const delivered = async (given: Partial<MessageContext> = {}): Promise<Delivered> => {
    const context = municipality.context(county, 'request', given);
    const message = await municipality.seal(county, context);
    expect((await municipality.post(message)).status).toBe(202);
    await municipality.told('accepted', context.messageId);
    await county.mailUntil(county.message(message.manifestHash));
    return { context, message };
  };

  /** Sealed and never posted: what exchange accepts when it lies, or when consent has lied to it. */
  const accepted = async (given: Partial<MessageContext> = {}): Promise<Delivered> => {
    const context = municipality.context(county, 'request', given);
    const message = await municipality.seal(county, context);
    const { exchangeId, messageId, sender, recipient } = context;
    return {
      context,
      message,
      accepted: LogRecord.fromPartial({
        eventId: newEventId(),
        type: 'message-accepted',
        at: new Date(),
        exchangeId,
        exchangeNumber: 1,
        messageId,
        manifestHash: message.manifestHash,
        sender,
        recipient,
        evidence: [{ kind: 'manifest', token: message.manifest }],
      }),
    };
  };

  const consented = (): Promise<ConsentId> => municipality.recordConsent({ disclosers: [county.id] });
  const resting = (id: ConsentId): Partial<MessageContext> => ({ categories: [12], basis: [byConsent([12], id)] });

  /** Withdrawn, and the withdrawal in the log. */
  const withdrawn = async (id: ConsentId): Promise<void> => {
    const logged = (): Promise<number> => municipality.loggedCodes('consent-withdrawn').then(({ length }) => length);
    const before = await logged();
    await municipality.withdraw(id);
    await until(async () => (await logged()) > before);
  };

  const keyFile = (...names: string[]): JWK =>
    JSON.parse(readFileSync(hub.stack.folder.within('keys', ...names), 'utf8')) as JWK;

  /** Straight to audit, as exchange does it. */
  const askAudit = async (
    { message, accepted }: Delivered,
    releaseRequest: string,
    permit: string | undefined,
  ): Promise<NonNullable<ReleaseResult['result']>> => {
    const { manifest, capsule } = message;
    const decision = permit === undefined ? undefined : { $case: 'permit' as const, value: permit };
    const { results } = await audit.release({
      items: [{ manifest, capsule, releaseRequest, decision, seenSize: 0n, accepted }],
    });
    return results[0]!.result!;
  };
  const codeOf = (result: NonNullable<ReleaseResult['result']>): string =>
    result.$case === 'refused' ? result.value.code : result.$case;

  /** A permit of the real consent service. */
  const realPermit = async ({ message }: Delivered, releaseRequest: string): Promise<string> => {
    const { results } = await consent.permit({ items: [{ manifest: message.manifest, releaseRequest }] });
    const result = results[0]?.result;
    if (result?.$case !== 'permit') throw new Error('consent gave no permit');
    return result.value;
  };

  const receiptOf = ({ released }: Awaited<ReturnType<HubAgency['release']>>) => released!.receipt;
  const failure = <T>(result: Result<T>): string => (result.ok ? 'ok' : result.error.code);
  const logVerifier = () => unwrap(parseVerifierKey(hub.addresses.logVerifierKey));

  describe('gateway', () => {
    it('reads an agency’s mailbox: neither layer opens', async () => {
      const sent = await delivered();
      const { items } = await exchange.readMailbox({ agency: county.id, after: 0n, limit: 64 });
      const found = items.find(isMessage(sent.message.manifest));
      expect(found).toBeDefined();
      await expect(compactDecrypt(sent.message.outer, randomBytes(64))).rejects.toThrow();
    });

    it('asks for a key with a release request that it made up', async () => {
      const { message } = await delivered();
      const releaseRequest = await county.releaseRequest(message.manifestHash, { signer: stranger });
      const { results } = await exchange.release({ agency: county.id, items: [{ releaseRequest, seenSize: 0n }] });
      expect(results[0]?.result).toMatchObject({ $case: 'refused', value: { code: 'SIGNATURE_INVALID' } });
    });

    it('repeats a release request that it carried: the same entry, and a key that only the recipient opens', async () => {
      const { message } = await delivered();
      const releaseRequest = await county.releaseRequest(message.manifestHash);
      const [first, again] = [
        await exchange.release({ agency: county.id, items: [{ releaseRequest, seenSize: 0n }] }),
        await exchange.release({ agency: county.id, items: [{ releaseRequest, seenSize: 0n }] }),
      ].map(({ results }) => results[0]?.result);
      if (first?.$case !== 'released' || again?.$case !== 'released') throw new Error('not released');
      expect(again.value.receipt?.leafIndex).toBe(first.value.receipt?.leafIndex);
      const mine = await generateReceivingKey();
      expect(failure(await openReleasedKey(again.value.receipt!.opening, mine))).toBe('RECIPIENT_KEY_UNKNOWN');
    });

    it('acknowledges mail in an agency’s name: it is there all the same, and opens', async () => {
      const { message } = await delivered();
      const { head } = await exchange.readMailbox({ agency: county.id, after: 0n, limit: 1 });
      await exchange.readMailbox({ agency: county.id, after: head, limit: 1 });
      expect((await county.mail()).some(county.message(message.manifestHash))).toBe(true);
      expect(await county.release(message.manifestHash)).toHaveProperty('released');
    });

    it('withdraws a consent in an agency’s name', async () => {
      const consentId = await consented();
      const act = await signStatement(
        'consent-act',
        {
          v: 1,
          consentId,
          version: 1,
          act: 'withdraw',
          by: 'subject',
          channel: 'in-person',
          agency: county.id,
          worker: 'w-1',
          jti: randomUUID(),
          iat: numericDate(new Date()),
        },
        stranger,
      );
      await expect(consent.actOnConsent({ agency: county.id, act })).rejects.toMatchObject({
        code: 'SIGNATURE_INVALID',
      });
    });
  });

  describe('exchange', () => {
    it('asks audit for a key without asking consent', async () => {
      const sent = await delivered();
      const releaseRequest = await county.releaseRequest(sent.message.manifestHash);
      expect(codeOf(await askAudit(sent, releaseRequest, undefined))).toBe('PERMIT_INVALID');
    });

    it('uses the permit for one message to open another', async () => {
      const [permitted, other] = [await delivered(), await delivered()];
      const permit = await realPermit(permitted, await county.releaseRequest(permitted.message.manifestHash));
      const releaseRequest = await county.releaseRequest(other.message.manifestHash);
      expect(codeOf(await askAudit(other, releaseRequest, permit))).toBe('PERMIT_INVALID');
    });

    it('keeps a permit until the consent is withdrawn, and uses it then', async () => {
      const id = await consented();
      const sent = await accepted(resting(id));
      const releaseRequest = await county.releaseRequest(sent.message.manifestHash);
      const permit = await realPermit(sent, releaseRequest);
      await withdrawn(id);
      expect(codeOf(await askAudit(sent, releaseRequest, permit))).toBe('CONSENT_WITHDRAWN');
    });

    it('swaps the capsule for that of another message', async () => {
      const [sent, other] = [await delivered(), await delivered()];
      const releaseRequest = await county.releaseRequest(sent.message.manifestHash);
      const permit = await realPermit(sent, releaseRequest);
      const swapped = { ...sent, message: { ...sent.message, capsule: other.message.capsule } };
      expect(codeOf(await askAudit(swapped, releaseRequest, permit))).toBe('HASH_MISMATCH');
    });

    it('lets another agency open the message', async () => {
      const sent = await delivered();
      const releaseRequest = await kela.releaseRequest(sent.message.manifestHash);
      await expect(realPermit(sent, releaseRequest)).rejects.toMatchObject({ code: 'SIGNATURE_INVALID' });
      expect(codeOf(await askAudit(sent, releaseRequest, undefined))).toBe('RELEASE_REQUEST_INVALID');
    });

    it('puts the ciphertext of another message before the recipient', async () => {
      const [sent, other] = [await delivered(), await delivered()];
      const { released } = await county.release(sent.message.manifestHash);
      const { contentKey } = unwrap(await openReleasedKey(released!.receipt.opening, county.receiving));
      const opened = await openMessage({
        manifest: sent.message.manifest,
        outer: other.message.outer,
        contentKey: contentKey!,
        receivingKey: county.receiving,
        senderKey: unwrap(await importVerificationKey(municipality.signing.publicJwk)),
      });
      expect(failure(opened)).toBe('HASH_MISMATCH');
    });

    it('tells the sender that a message was accepted, with the receipt of another', async () => {
      const [sent, lost] = [await delivered(), municipality.context(county, 'request')];
      const { notice } = await municipality.mailUntil(municipality.notice('accepted', sent.context.messageId));
      const outcomeKey = await importSigningKey(keyFile('outcome.jwk'));
      const publicKey = unwrap(await importVerificationKey(outcomeKey.publicJwk));
      const honest = unwrap(await verifyStatement('outcome', notice!, publicKey));
      const { messageId, exchangeId } = lost;
      const { manifestHash } = await municipality.seal(county, lost);
      const lie: Outcome = { ...honest, messageId, exchangeId, manifestHash };
      const told = unwrap(await verifyStatement('outcome', await signStatement('outcome', lie, outcomeKey), publicKey));
      const opening = unwrap(await openReleasedKey(told.receipt!.opening!, municipality.receiving));
      const claim = { receipt: told.receipt!, opening, logVerifier: logVerifier(), expected: { manifestHash } };
      expect(failure(verifyReceipt(claim))).toBe('LEAF_MISMATCH');
    });
  });

  describe('consent', () => {
    /** Signed with the real permit key: whatever the thief of it wishes. */
    const forgedPermit = async (
      { message, context }: Delivered,
      releaseRequest: string,
      wished: Partial<Permit> = {},
    ): Promise<string> => {
      const iat = numericDate(new Date());
      const releaseRequestHash = unwrap(readReleaseRequest(releaseRequest)).hash;
      const { manifestHash } = message;
      const permit = {
        manifestHash,
        releaseRequestHash,
        basis: context.basis,
        use: 'first' as const,
        iat,
        exp: iat + 10,
      };
      return signPermit({ ...permit, ...wished }, await importSigningKey(keyFile('permit.jwk')));
    };

    it('permits what was withdrawn', async () => {
      const id = await consented();
      const sent = await accepted(resting(id));
      await withdrawn(id);
      const releaseRequest = await county.releaseRequest(sent.message.manifestHash);
      expect(codeOf(await askAudit(sent, releaseRequest, await forgedPermit(sent, releaseRequest)))).toBe(
        'CONSENT_WITHDRAWN',
      );
    });

    it('permits an opening on another basis than the message states', async () => {
      const [stated, other] = [await consented(), await consented()];
      const sent = await delivered(resting(stated));
      const releaseRequest = await county.releaseRequest(sent.message.manifestHash);
      const permit = await forgedPermit(sent, releaseRequest, { basis: [byConsent([12], other)] });
      expect(codeOf(await askAudit(sent, releaseRequest, permit))).toBe('PERMIT_INVALID');
    });

    it('permits an opening that the recipient did not ask for', async () => {
      const sent = await delivered();
      const releaseRequest = await county.releaseRequest(sent.message.manifestHash, { signer: stranger });
      expect(codeOf(await askAudit(sent, releaseRequest, await forgedPermit(sent, releaseRequest)))).toBe(
        'KEY_NOT_LOGGED',
      );
    });

    it('permits for a whole day', async () => {
      const sent = await delivered();
      const releaseRequest = await county.releaseRequest(sent.message.manifestHash);
      const permit = await forgedPermit(sent, releaseRequest, { exp: numericDate(new Date()) + 86_400 });
      expect(codeOf(await askAudit(sent, releaseRequest, permit))).toBe('PERMIT_INVALID');
    });

    it('permits under a consent that it invented, and tells the log of it', async () => {
      const id = newConsentId();
      const sent = await accepted(resting(id));
      await kafka.publish(topics.consentEvents, [
        {
          key: id,
          value: ConsentEvent.encode({
            state: 'active',
            parties: [municipality.id, county.id],
            log: LogRecord.fromPartial({
              eventId: newEventId(),
              type: 'consent-recorded',
              at: new Date(),
              actorAgency: municipality.id,
              consentId: id,
              consentVersion: 1,
            }),
          }).finish(),
        },
      ]);
      // What stands before it in the topic has had its effect, so this has too.
      await withdrawn(await consented());
      const releaseRequest = await county.releaseRequest(sent.message.manifestHash);
      expect(codeOf(await askAudit(sent, releaseRequest, await forgedPermit(sent, releaseRequest)))).toBe(
        'UNAVAILABLE',
      );
    });
  });

  describe('audit', () => {
    const releaseKeys = (): Promise<ReceivingKey[]> =>
      Promise.all(
        readdirSync(hub.stack.folder.within('keys', 'release')).map((name) =>
          importReceivingKey((keyFile('release', name) as unknown as { privateJwk: JWK }).privateJwk),
        ),
      );
    const contentKeyOf = async ({ message }: Delivered): Promise<Buffer> => {
      const opened = await Promise.all((await releaseKeys()).map((key) => openCapsule(message.capsule, key)));
      return opened.flatMap((one) => (one.ok ? [one.value.contentKey] : []))[0]!;
    };

    it('opens a message for itself: the capsule gives the key of the outer layer, and the inner one stays shut', async () => {
      const sent = await delivered();
      const opened = await openMessage({
        manifest: sent.message.manifest,
        outer: sent.message.outer,
        contentKey: await contentKeyOf(sent),
        receivingKey: (await releaseKeys())[0]!,
        senderKey: unwrap(await importVerificationKey(municipality.signing.publicJwk)),
      });
      expect(failure(opened)).toBe('OPENED_MISMATCH');
    });

    it('gives out a key behind the receipt of another opening', async () => {
      const [logged, unlogged] = [await delivered(), await delivered()];
      const receipt = receiptOf(await county.release(logged.message.manifestHash));
      const proved = unwrap(await openReleasedKey(receipt.opening, county.receiving));
      const opening = await sealReleasedKey(
        { ...proved, contentKey: await contentKeyOf(unlogged) },
        unwrap(await importRecipientKey(county.receiving.publicJwk)),
      );
      const given = unwrap(await openReleasedKey(opening, county.receiving));
      const { manifestHash } = unlogged.message;
      const claim = {
        receipt: { ...receipt, opening },
        opening: given,
        logVerifier: logVerifier(),
        expected: { manifestHash },
      };
      expect(failure(verifyReceipt(claim))).toBe('LEAF_MISMATCH');
    });

    it('gives out a key behind an entry that it never appended', async () => {
      const [logged, unlogged] = [await delivered(), await delivered()];
      const receipt = receiptOf(await county.release(logged.message.manifestHash));
      const { body } = unwrap(await openReleasedKey(receipt.opening, county.receiving));
      const { manifestHash } = unlogged.message;
      const invented: LogBody = { ...(JSON.parse(body) as LogBody), eventId: newEventId(), manifestHash };
      const opening = { body: canonicalJson(invented), commitmentKey: randomBytes(32) };
      const claim = { receipt, opening, logVerifier: logVerifier(), expected: { manifestHash } };
      expect(failure(verifyReceipt(claim))).toBe('RECEIPT_INVALID');
    });
  });

  describe('directory', () => {
    const asAdministrator = async (sql: string, values: unknown[] = []): Promise<void> => {
      const client = new pg.Client({ connectionString: hub.databaseUrl });
      await client.connect();
      try {
        await client.query(sql, values);
      } finally {
        await client.end();
      }
    };

    /** Shown to every service as if it had a leaf; it has none. */
    const showKey = async (
      agency: HubAgency,
      use: string,
      { kid, publicJwk }: SigningKey | ReceivingKey,
    ): Promise<void> => {
      await asAdministrator(
        `INSERT INTO directory.agency_key (agency, kid, use, jwk, not_before, not_after, record, event_id, published_at, leaf_index)
         SELECT $1, $2, $3, $4, now() - interval '1 day', now() + interval '1 year', record, $5, now(), leaf_index
         FROM directory.agency_key WHERE agency = $1 AND use = $3 LIMIT 1`,
        [agency.id, kid, use, JSON.stringify(publicJwk), newEventId()],
      );
      await asAdministrator('UPDATE directory.snapshot_version SET version = version + 1');
      await agency.setStatus('active');
    };

    it('shows a receiving key of its own for an agency: senders find theirs in the log', async () => {
      await showKey(county, 'receiving', await generateReceivingKey());
      expect((await municipality.receivingKeyOf(county.id)).kid).toBe(county.receiving.kid);
    });

    it('shows a signing key of its own for an agency, and asks for a key with it', async () => {
      const mine = await generateSigningKey();
      await showKey(county, 'signing', mine);
      const { message } = await delivered();
      const releaseRequest = await county.releaseRequest(message.manifestHash, { signer: mine });
      const { results } = await exchange.release({ agency: county.id, items: [{ releaseRequest, seenSize: 0n }] });
      expect(results[0]?.result).toMatchObject({ $case: 'refused', value: { code: 'KEY_NOT_LOGGED' } });
    });
  });
});

const isMessage =
  (manifest: string) =>
  ({ item }: MailboxItem): boolean =>
    item?.$case === 'message' && item.value.manifest === manifest;
