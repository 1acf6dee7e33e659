import { type ConsentProposal, type ConsentRecord, partiesOf, type SubjectLink } from '#envelope';

/**
 * Of links whose signatures hold, those that join two persons for this agency: each told by a party of a consent or proposal
 * about one of the two, as the hub demands. By signed statements alone, so that the hub cannot join anybody by its own word.
 *
 * @param terms whose signatures hold
 */
export const entitledLinks = (
  links: readonly SubjectLink[],
  terms: readonly (ConsentRecord | ConsentProposal)[],
): SubjectLink[] =>
  links.filter(({ agency, subject, earlier }) =>
    terms.some((one) => (one.subject === subject || one.subject === earlier) && partiesOf(one).includes(agency)),
  );
