import { ClientDto, Nested, OfficerDto } from '../describe-api/shared.dto.js';

export class ExcludeDeciderDto {
  @Nested(ClientDto, 'For whom somebody else would decide')
  client: ClientDto;

  @Nested(ClientDto, 'Who may not, because of a conflict of interest')
  decider: ClientDto;

  @Nested(OfficerDto, 'Who found the conflict')
  officer: OfficerDto;
}
