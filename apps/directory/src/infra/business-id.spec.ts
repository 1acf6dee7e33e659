import { describe, expect, it } from '@jest/globals';
import { isBusinessId, oidOfBusinessId, xRoadMemberOfMunicipality } from './business-id.js';

describe('a Y-tunnus', () => {
  it.each(['0203026-2', '0201256-6', '3221347-3'])('%s is valid', (value) => {
    expect(isBusinessId(value)).toBe(true);
  });

  it.each(['0203026-3', '203026-2', '02030262', '0203026-2 ', 'FI02030262', '', null, 2030262])(
    '%p is not',
    (value) => {
      expect(isBusinessId(value)).toBe(false);
    },
  );

  it('gives the OID without zeros in front and without hyphen', () => {
    expect(oidOfBusinessId('0203026-2')).toBe('1.2.246.10.2030262');
  });

  it('gives the member name of a municipality', () => {
    expect(xRoadMemberOfMunicipality('0203026-2')).toBe('FI/MUN/0203026-2');
  });

  it('that is none has neither', () => {
    expect(() => oidOfBusinessId('1')).toThrow(TypeError);
    expect(() => xRoadMemberOfMunicipality('1')).toThrow(TypeError);
  });
});
